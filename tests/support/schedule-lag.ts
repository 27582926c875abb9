import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_EXECUTORS } from "../../host/src/defaults.ts";
import { connect, type Run, type ScheduleService, type TaskAction } from "../../sdk/src/index.ts";
import { testHost } from "./host.ts";

export const CALL: TaskAction = { service: "db", method: "insert", params: ["runs", { n: 1 }] };

/** A host as `pnpm start` makes one. */
export async function onDefaultHost<T>(work: (schedule: ScheduleService) => Promise<T>): Promise<T> {
  const host = await testHost(undefined, { executors: DEFAULT_EXECUTORS, stores: undefined });
  try {
    return await work(connect(host.url, host.rootKey).schedule);
  } finally {
    await host.stop();
  }
}

/** Runs that tasks had which were due in the same second. */
export async function together(schedule: ScheduleService, count: number, action: TaskAction): Promise<Run[]> {
  const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_000 + 10 * count);
  const names = Array.from({ length: count }, (_, i) => `together${i}`);
  const { cursor } = await schedule.follow();
  for (let i = 0; i < count; i += 20) {
    await Promise.all(
      names.slice(i, i + 20).map((name) => schedule.create(name, { at: at.toISOString(), action, deleteAfterCompletion: true })),
    );
  }
  if (Date.now() > at.getTime()) throw new Error("The tasks were not made in time");
  await sleep(at.getTime() - Date.now());
  return endedOf(schedule, cursor, count);
}

/** The first so many runs that ended since a cursor. Asked seldom, since asking takes from what is measured. */
async function endedOf(schedule: ScheduleService, from: string, count: number): Promise<Run[]> {
  const ended = new Map<string, Run>();
  for (let since = from; ended.size < count;) {
    const page = await schedule.follow({ since, limit: 1_000, waitMs: 5_000 });
    since = page.cursor;
    for (const run of page.items) if (run.state === "ended") ended.set(run.id, run);
    if (ended.size < count) await sleep(250);
  }
  return [...ended.values()];
}

/** Lags of tasks that are due when nothing else is. */
export async function alone(schedule: ScheduleService, count: number, action: TaskAction): Promise<number[]> {
  const lags: number[] = [];
  for (let i = 0; i < count; i++) {
    const { cursor } = await schedule.follow();
    await schedule.create(`alone${i}`, { at: new Date(Date.now() + 150).toISOString(), action, deleteAfterCompletion: true });
    const [run] = await endedOf(schedule, cursor, 1);
    lags.push(run?.lagMs ?? Infinity);
  }
  return lags;
}

/** What so great a part of the numbers does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? Infinity;
}
