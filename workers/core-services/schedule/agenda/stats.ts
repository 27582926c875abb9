import type { Stats } from "../schema/run.ts";

/** Lags and durations are those of the newest so many runs. */
const NEWEST = 2_000;

/** What the kept runs of a task, or of all, say together. */
export function statsOf(sql: SqlStorage, task: string | undefined): Omit<Stats, "tasks" | "nextAt"> {
  const only = task ?? null;
  const counts = sql
    .exec<{ name: string; n: number }>(
      "SELECT CASE state WHEN 'ended' THEN outcome ELSE state END AS name, count(*) AS n FROM runs WHERE (? IS NULL OR task = ?) GROUP BY 1",
      only,
      only,
    )
    .toArray();
  const of = (name: string) => counts.find((count) => count.name === name)?.n ?? 0;
  const newest = sql
    .exec<{ lag: number; duration: number | null }>(
      `SELECT max(0, first_started_ms - first_due_ms) AS lag, max(0, ended_ms - started_ms) AS duration FROM runs
         WHERE first_started_ms IS NOT NULL AND (? IS NULL OR task = ?) ORDER BY id DESC LIMIT ?`,
      only,
      only,
      NEWEST,
    )
    .toArray();
  return {
    open: { buffered: of("buffered"), waiting: of("waiting"), running: of("running") },
    ended: { ok: of("ok"), failed: of("failed"), cancelled: of("cancelled"), skipped: of("skipped"), missed: of("missed") },
    lagMs: spread(newest.map(({ lag }) => lag)),
    durationMs: spread(newest.flatMap(({ duration }) => (duration === null ? [] : [duration]))),
  };
}

/** Nearest rank. Undefined of nothing. */
function spread(values: readonly number[]): { p50: number; p99: number; most: number } | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}
