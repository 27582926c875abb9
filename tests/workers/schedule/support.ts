import type { Run, ScheduleService } from "../../../sdk/src/index.ts";

/** Waits, from change to change, until so many runs of the task have ended; newest first. */
export async function ended(schedule: ScheduleService, task: string, count = 1): Promise<Run[]> {
  let since = "0";
  for (;;) {
    const { items } = await schedule.getHistory(task);
    const over = items.filter(({ state }) => state === "ended");
    if (over.length >= count) return over;
    ({ cursor: since } = await schedule.follow({ task, since, waitMs: 10_000 }));
  }
}
