import { decideOverlap, type Overlap } from "../decide/overlap.ts";
import { SCHEDULE_LIMITS } from "../limits.ts";
import type { Trigger } from "../schema/run.ts";
import type { Action } from "../schema/task.ts";
import type { NewRun, Runs } from "./runs.ts";
import type { KeptTask } from "./tasks.ts";

/** How much each run of a task that is before another sets it back, against runs of other tasks. */
const TURN_MS = 1_000;

export interface Entering {
  readonly id: string;
  readonly trigger: Trigger;
  readonly scheduledMs: number;
  readonly dueMs: number;
  readonly overlap: Overlap;
  readonly work?: string | undefined;
  readonly sponsor?: string | undefined;
}

export function kindOf(action: Action): NewRun["kind"] {
  return "code" in action || "function" in action ? "code" : "call";
}

/**
 * Enters a run of a task, as its overlap policy decides.
 * @param cancel tells a run that runs to end
 * @returns whether it will run
 */
export function enterRun(runs: Runs, task: KeptTask, entering: Entering, nowMs: number, cancel: (runId: string) => void): boolean {
  const open = runs.open(task.name);
  const decision = decideOverlap(entering.overlap, open, SCHEDULE_LIMITS.buffered);
  const { id, trigger, scheduledMs, dueMs, work, sponsor } = entering;
  const run = {
    id,
    task: task.name,
    taskId: task.id,
    kind: kindOf(task.task.action),
    trigger,
    scheduledMs,
    dueMs,
    rankMs: dueMs + TURN_MS * open.active,
    work,
    sponsor,
  };
  if (decision.do === "skip") {
    const message = decision.reason === "OVERLAP" ? "An earlier run of the task was not over" : "As many runs of the task wait as may";
    runs.addEnded({ ...run, state: "waiting" }, "skipped", { error: { code: "CONFLICT", reason: decision.reason, message } }, nowMs);
    return false;
  }
  if (decision.do === "start") {
    runs.add({ ...run, state: "waiting" });
    return true;
  }
  if (decision.dropBuffered) {
    for (const row of runs.openRows(task.name, "buffered")) runs.end(row, "skipped", { error: REPLACED }, nowMs);
  }
  if (decision.cancelActive) {
    for (const row of runs.openRows(task.name, "waiting")) runs.end(row, "cancelled", { error: REPLACED }, nowMs);
    for (const row of runs.openRows(task.name, "running")) cancel(row.id);
  }
  runs.add({ ...run, state: runs.open(task.name).active === 0 ? "waiting" : "buffered" });
  return true;
}

const REPLACED = { code: "CANCELLED", reason: "OVERLAP", message: "A later run of the task took its place" };
