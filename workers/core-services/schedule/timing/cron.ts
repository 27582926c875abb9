import { Cron } from "croner";

/**
 * Patterns are read by croner 11, with five fields or six (seconds first). Its rules of daylight saving are ours, and are
 * written down in docs/schedule.md. Lists and ranges count as fixed times as single values do: a job at `30 2,14 * * *`
 * is neither lost in a gap nor run twice.
 */
const RULES = { mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" } as const;

const MOST_KEPT = 1_000;
const kept = new Map<string, Cron>();

/** @throws Error with croner's words for a pattern that is none */
export function parseCron(pattern: string, zone: string): Cron {
  const key = `${zone} ${pattern}`;
  const known = kept.get(key);
  if (known) return known;
  // Paused: croner has a timer of its own for patterns with a function to call, and this has none.
  const parsed = new Cron(pattern, { ...RULES, timezone: zone, paused: true });
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(key, parsed);
  return parsed;
}

/** The first occurrence after an instant; undefined when there is none. */
export function nextOfCron(pattern: string, zone: string, afterMs: number): number | undefined {
  // croner looks at whole seconds: of 11:59:59.500, the next second is still to come.
  return parseCron(pattern, zone).nextRun(new Date(afterMs))?.getTime();
}

/** Why a text is no pattern, in words for who wrote it; undefined when it is one. */
export function cronProblem(pattern: string): string | undefined {
  try {
    parseCron(pattern, "UTC");
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : "it is not valid";
    return said.replace(/^CronPattern: (?:Invalid configuration format \('[\s\S]*'\), )?/, "").slice(0, 200);
  }
}
