import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CronExpressionParser } from "cron-parser";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cronProblem, nextOfCron } from "../../../workers/core-services/schedule/timing/cron.ts";
import { CHANGES, localMinutes, timesByRule, type ClockChange } from "../../support/cron-rules.ts";

const iso = (ms: number) => new Date(ms).toISOString();

function times(pattern: string, zone: string, fromMs: number, count: number, untilMs = Infinity): number[] {
  const found: number[] = [];
  for (
    let at = nextOfCron(pattern, zone, fromMs);
    at !== undefined && at < untilMs && found.length < count;
    at = nextOfCron(pattern, zone, at)
  ) {
    found.push(at);
  }
  return found;
}

interface Vector {
  id: string;
  expr: string;
  tz: string;
  from: string;
  next?: string[];
  expect?: "error" | "never-or-error";
}

const corpus = join(import.meta.dirname, "../../../../shared/corpora/cron.jsonl");
const vectors = readFileSync(corpus, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Vector);

describe("patterns", () => {
  it("have the times of every vector, and those that are none are refused", () => {
    expect(vectors.length).toBeGreaterThan(300);
    const wrong = vectors.filter(({ expr, tz, from, next, expect: expected }) => {
      if (next) return JSON.stringify(times(expr, tz, Date.parse(from), next.length).map(iso)) !== JSON.stringify(next);
      if (cronProblem(expr) !== undefined) return false;
      return expected === "error" || nextOfCron(expr, "UTC", 0) !== undefined;
    });
    expect(wrong).toEqual([]);
  });

  it.each([
    ["@hourly", "2026-01-31T11:00:00.000Z"],
    ["@daily", "2026-02-01T00:00:00.000Z"],
    ["@weekly", "2026-02-01T00:00:00.000Z"],
    ["@monthly", "2026-02-01T00:00:00.000Z"],
    ["@yearly", "2027-01-01T00:00:00.000Z"],
    ["*/20 * * * * *", "2026-01-31T10:30:20.000Z"],
    ["0 0 L * *", "2026-02-28T00:00:00.000Z"],
    ["0 0 * * FRI#2", "2026-02-13T00:00:00.000Z"],
    ["0 0 * * 5L", "2026-02-27T00:00:00.000Z"],
    ["0 0 15W * *", "2026-02-16T00:00:00.000Z"],
    ["0 0 29 2 *", "2028-02-29T00:00:00.000Z"],
  ])("%s is next at %s", (pattern, expected) => {
    expect(times(pattern, "UTC", Date.parse("2026-01-31T10:30:00Z"), 1).map(iso)).toEqual([expected]);
  });

  it.each(["", "*", "* * * *", "* * * * * * *", "60 * * * *", "@reboot", "@never", "0 0 32 * *", "* * * * 8", "/5 * * * *", "0 0 * * 5#6"])(
    'refuses "%s"',
    (pattern) => {
      expect(cronProblem(pattern)).toBeDefined();
    },
  );

  it("never come again on days that no year has", () => {
    expect(nextOfCron("0 0 30 2 *", "UTC", 0)).toBeUndefined();
  });
});

const minute = fc.constantFrom("*", "*/15", "*/7", "0", "30", "59", "0,30", "10-20", "5,45", "15-45/15");
const hour = fc.constantFrom("*", "*/2", "*/3", "0", "1", "2", "3", "1,2", "2,3", "0-3", "1-4", "2-22/2", "23", "12");
const day = fc.constantFrom("*", "*", "*", "*/2", "1-15", "29", "22");
const month = fc.constantFrom("*", "*", "3,10", "JAN-DEC");
const weekday = fc.constantFrom("*", "*", "*", "MON-FRI", "0", "SUN", "6");
const pattern = fc.tuple(minute, hour, day, month, weekday).map((fields) => fields.join(" "));

const DAY_MS = 86_400_000;
/** More of them, and others, in the soak. */
const RUNS = process.env["SOAK"] ? 1_000 : 60;
const SEED = process.env["SOAK"] ? Date.now() : 7;

describe.each(Object.entries(CHANGES).flatMap(([zone, changes]) => changes.map((change) => [zone, iso(change.atMs), change] as const)))(
  "%s at %s",
  (zone, _at, change) => {
    const fromMs = change.atMs - 1.5 * DAY_MS;
    const untilMs = change.atMs + 1.5 * DAY_MS;
    const minutes = localMinutes(zone, fromMs - DAY_MS, untilMs);

    it("the times are those that the rules of docs/schedule.md give", () => {
      fc.assert(
        fc.property(pattern, (text) => {
          const byRule = timesByRule(text, minutes, change).filter((at) => at > fromMs && at < untilMs);
          expect(times(text, zone, fromMs, 10_000, untilMs).map(iso)).toEqual(byRule.map(iso));
        }),
        { numRuns: RUNS, seed: SEED },
      );
    });

    it("and those of cron-parser, but where a rule says otherwise", () => {
      let compared = 0;
      let gaveUp = false;
      fc.assert(
        fc.property(pattern, (text) => {
          const theirs = timesOfCronParser(text, zone, fromMs, untilMs);
          gaveUp ||= theirs === undefined;
          if (!theirs) return;
          const untouched = (at: number) => !isTouched(at, change);
          expect(times(text, zone, fromMs, 10_000, untilMs).filter(untouched).map(iso)).toEqual(theirs.filter(untouched).map(iso));
          compared++;
        }),
        { numRuns: RUNS, seed: SEED },
      );
      // It gives up at a change of half an hour, and at no other.
      expect(gaveUp && Math.abs(change.minutes) !== 30).toBe(false);
      expect(compared).toBeGreaterThan(RUNS / 4);
    });
  },
);

/** Where the two have different rules: what falls into a gap, and what comes twice (docs/schedule.md, "When clocks change"). */
function isTouched(at: number, { atMs, minutes }: ClockChange): boolean {
  // cron-parser takes a gap of half an hour for one of an hour.
  const [before, after] = Math.abs(minutes) === 30 ? [60, 90] : [Math.abs(minutes), Math.abs(minutes)];
  return at >= atMs - before * 60_000 && at < atMs + after * 60_000;
}

function timesOfCronParser(text: string, zone: string, fromMs: number, untilMs: number): number[] | undefined {
  try {
    const found: number[] = [];
    const expression = CronExpressionParser.parse(text, { tz: zone, currentDate: new Date(fromMs) });
    for (let at = expression.next().getTime(); at < untilMs; at = expression.next().getTime()) found.push(at);
    return found;
  } catch (error) {
    if (error instanceof Error && error.message.includes("loop limit")) return undefined;
    throw error;
  }
}
