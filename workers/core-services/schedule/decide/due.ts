import { nextAfter, type Timing } from "../timing/timing.ts";

/** What is left to decide of a task when its time has come. */
export interface DueTask {
  readonly timing: Timing;
  /** The occurrence that comes next, and when its run is due: with its jitter. */
  readonly nextMs: number;
  readonly dueMs: number;
  readonly catchupWindowMs: number;
  readonly jitterMs: number;
  /** Occurrences that are to be left out. */
  readonly skipNext: number;
  /** Runs that it may still have; undefined for any number. */
  readonly runsLeft: number | undefined;
}

export type Occurrence =
  | { readonly kind: "run"; readonly scheduledMs: number; readonly dueMs: number; readonly isLate: boolean }
  | { readonly kind: "skipped"; readonly scheduledMs: number }
  /** Too long ago to be caught up: `count` of them, or more when it is `countMost`. */
  | { readonly kind: "missed"; readonly scheduledMs: number; readonly count: number };

export interface DueDecision {
  readonly occurrences: Occurrence[];
  /** What comes next, perhaps already due: then there was more than `most`. Undefined when the task is over. */
  readonly next: { readonly nextMs: number; readonly dueMs: number } | undefined;
  readonly skipNext: number;
}

export interface DueOptions {
  /** Most occurrences that are looked at. */
  readonly most: number;
  /** Later than this after its time, a run is caught up. */
  readonly onTimeMs: number;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
}

/** What has become due of a task until now, and what comes then. Each occurrence is decided once: the next is after the last, never after now. */
export function decideDue(task: DueTask, nowMs: number, { most, onTimeMs, random }: DueOptions): DueDecision {
  const found: Occurrence[] = [];
  let { skipNext, runsLeft = Infinity } = task;
  let at: number | undefined = task.nextMs;
  let dueMs = task.dueMs;
  const oldestMs = nowMs - task.catchupWindowMs;
  if (at < oldestMs) {
    const missed = missedSince(task.timing, at, oldestMs, most);
    found.push({ kind: "missed", scheduledMs: at, count: missed.count });
    at = missed.next;
    dueMs = at === undefined ? 0 : withJitter(task, at, random);
  }
  while (at !== undefined && runsLeft > 0 && dueMs <= nowMs && found.length < most) {
    if (skipNext > 0) {
      skipNext--;
      found.push({ kind: "skipped", scheduledMs: at });
    } else {
      runsLeft--;
      found.push({ kind: "run", scheduledMs: at, dueMs, isLate: nowMs - dueMs > onTimeMs });
    }
    at = nextAfter(task.timing, at);
    dueMs = at === undefined ? 0 : withJitter(task, at, random);
  }
  return { occurrences: found, next: at === undefined || runsLeft <= 0 ? undefined : { nextMs: at, dueMs }, skipNext };
}

function missedSince(timing: Timing, firstMs: number, oldestMs: number, most: number): { count: number; next: number | undefined } {
  let count = 1;
  let at = nextAfter(timing, firstMs);
  for (; at !== undefined && at < oldestMs && count < most; at = nextAfter(timing, at)) count++;
  // What is not counted is not looked at: a month of minutes is one step.
  return { count, next: at !== undefined && at < oldestMs ? nextAfter(timing, oldestMs - 1) : at };
}

/** When a run is due: at its time, or up to `jitterMs` later, but before the occurrence that follows. */
export function withJitter(task: Pick<DueTask, "timing" | "jitterMs">, atMs: number, random: () => number): number {
  if (task.jitterMs === 0) return atMs;
  const following = nextAfter(task.timing, atMs);
  const room = following === undefined ? task.jitterMs : Math.min(task.jitterMs, following - atMs);
  return atMs + Math.floor(random() * room);
}
