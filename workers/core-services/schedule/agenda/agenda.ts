import { DoError } from "../../../../sdk/src/errors.ts";
import type { Sponsor } from "../../shared/background.ts";
import { once, type OnceKey } from "../../shared/once.ts";
import type { Overlap } from "../decide/overlap.ts";
import { CLOCK_LIMITS, SCHEDULE_LIMITS, TASK_LIMITS } from "../limits.ts";
import type { Run, Stats } from "../schema/run.ts";
import type { Changes, Task, TaskInfo } from "../schema/task.ts";
import { occurrences } from "../timing/timing.ts";
import { Clock } from "./clock.ts";
import { enterRun } from "./entry.ts";
import { Flow } from "./flow.ts";
import { runOf, Runs, type RunFilter } from "./runs.ts";
import { statsOf } from "./stats.ts";
import { CREATE_TABLES, type RunRow } from "./tables.ts";
import { infoOf, Tasks, timesOf, type TaskFilter } from "./tasks.ts";
import type { World } from "./world.ts";

const NEXT_SHOWN = 5;

/** A write, and the key under which it is one with its repetition. */
export interface Write {
  readonly once: OnceKey | undefined;
}

export interface Backfill {
  readonly fromMs: number;
  readonly toMs: number;
  readonly overlap: Overlap;
  readonly dryRun: boolean;
}

export interface Backfilled {
  dryRun: boolean;
  count: number;
  times: string[];
  runs: string[];
}

/** A tenant's tasks and runs, and when the next thing is to be done. Its storage and its world are arguments. */
export class Agenda {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly #world: World;
  readonly #tasks: Tasks;
  readonly #runs: Runs;
  readonly #flow: Flow;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #wakeMs: number | undefined;

  constructor(storage: DurableObjectStorage, world: World) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#world = world;
    this.#sql.exec(CREATE_TABLES);
    this.#tasks = new Tasks(this.#sql, world.random);
    this.#runs = new Runs(this.#sql);
    this.#clock = new Clock(this.#sql);
    this.#flow = new Flow(storage, this.#tasks, this.#runs, world, (dueMs) => this.#changed(dueMs));
  }

  /**
   * Goes on after the process before, if there was one. To be called once, before anything else.
   * @param alarmMs when the alarm is set to; it may be overdue, and then comes at once
   */
  resumeAfter(alarmMs: number | undefined): void {
    this.#wakeMs = alarmMs;
    this.#flow.recover(this.#world.now());
    // What waits since before is started by the alarm.
    this.#arm(0);
  }

  /** Does what is due, a part of it at a time. @returns whether there is more to do now */
  tick(): boolean {
    const nowMs = this.#world.now();
    if (this.#clock.wentBack(nowMs)) this.#planAnew(nowMs);
    const isMore = this.#flow.takeDue(nowMs);
    this.#flow.pump(nowMs);
    this.#changed();
    return isMore;
  }

  #planAnew(nowMs: number): void {
    for (const task of this.#tasks.active()) this.#tasks.restart(task, nowMs);
    this.#runs.dueNow(nowMs + CLOCK_LIMITS.backMs, nowMs);
  }

  /** @param dueMs the earliest of what is new, when that is known: then there is seldom anything to look up */
  #changed(dueMs?: number): void {
    for (const listener of this.#listeners) listener();
    if (dueMs === undefined || this.#wakeMs === undefined || this.#wakeMs > dueMs) this.#arm();
  }

  /**
   * Sets the alarm to the earliest work; one that comes a little early does no harm, and is left.
   * @param fromMs what waited before it waits for room, and is started when there is some
   */
  #arm(fromMs = this.#world.now()): void {
    const nowMs = this.#world.now();
    const earliestMs = this.#flow.earliestMs(fromMs);
    const isBusy = this.#flow.isBusy;
    if (earliestMs === undefined && !isBusy) return;
    const soonMs = Math.min(earliestMs ?? Infinity, nowMs + (isBusy ? CLOCK_LIMITS.heartbeatMs : CLOCK_LIMITS.guardMs));
    const wantedMs = Math.max(soonMs, nowMs + 1);
    // One that is overdue is on its way, unless it is lost.
    if (this.#wakeMs !== undefined && this.#wakeMs > nowMs - CLOCK_LIMITS.overdueMs && this.#wakeMs <= wantedMs) return;
    this.#wakeMs = wantedMs;
    this.#world.wake(wantedMs);
  }

  /** The alarm that was set has come: there is none now. */
  woken(): void {
    this.#wakeMs = undefined;
  }

  #write<T>({ once: key }: Write, write: () => T): T {
    const nowMs = this.#world.now();
    try {
      return this.#storage.transactionSync(() => once(this.#sql, key, nowMs, write));
    } finally {
      this.#changed();
    }
  }

  create(name: string, task: Task, sponsor: Sponsor, write: Write): TaskInfo {
    const nowMs = this.#world.now();
    return this.#write(write, () => infoOf(this.#tasks.create(name, this.#world.newId("task"), task, sponsor, nowMs), NEXT_SHOWN));
  }

  update(name: string, changes: Changes, sponsor: Sponsor, write: Write): TaskInfo {
    return this.#write(write, () => infoOf(this.#tasks.update(name, changes, sponsor, this.#world.now()), NEXT_SHOWN));
  }

  get(name: string): TaskInfo {
    return infoOf(this.#tasks.get(name), NEXT_SHOWN);
  }

  list(filter: TaskFilter): { items: TaskInfo[]; cursor?: string } {
    return this.#tasks.list(filter);
  }

  delete(name: string, write: Write): { deleted: boolean } {
    return this.#write(write, () => {
      for (const state of ["waiting", "buffered"] as const) {
        for (const row of this.#runs.openRows(name, state)) this.#runs.end(row, "cancelled", { error: DELETED }, this.#world.now());
      }
      return { deleted: this.#tasks.delete(name) };
    });
  }

  /** @throws DoError CONFLICT for a task that is over */
  pause(name: string, note: string | undefined, write: Write): TaskInfo {
    return this.#write(write, () => {
      if (this.#tasks.get(name).state === "completed") throw isOver(name);
      this.#tasks.setState(name, "paused", note ?? null, this.#world.now());
      return infoOf(this.#tasks.get(name), NEXT_SHOWN);
    });
  }

  resume(name: string, runMissed: boolean, write: Write): TaskInfo {
    return this.#write(write, () => {
      const nowMs = this.#world.now();
      const kept = this.#tasks.get(name);
      if (kept.state === "completed") throw isOver(name);
      if (kept.state === "active") return infoOf(kept, NEXT_SHOWN);
      if (!runMissed && kept.next_ms !== null && kept.next_ms <= nowMs) this.#tasks.restart(kept, nowMs);
      const isOverNow = this.#tasks.get(name).next_ms === null;
      this.#tasks.setState(name, isOverNow ? "completed" : "active", null, nowMs);
      return infoOf(this.#tasks.get(name), NEXT_SHOWN);
    });
  }

  skipNext(name: string, count: number, write: Write): TaskInfo {
    return this.#write(write, () => {
      const kept = this.#tasks.get(name);
      if (kept.next_ms === null) throw isOver(name);
      const skipNext = count === 0 ? 0 : kept.skip_next + count;
      const { skipNext: most } = TASK_LIMITS;
      if (skipNext > most) {
        throw new DoError("LIMIT_EXCEEDED", `Cannot leave out ${skipNext} times of task "${name}": at most ${most} may be`, {
          reason: "SKIP_NEXT",
          details: { most },
        });
      }
      this.#tasks.setSkip(name, skipNext);
      return infoOf(this.#tasks.get(name), NEXT_SHOWN);
    });
  }

  backfill(name: string, { fromMs, toMs, overlap, dryRun }: Backfill, write: Write): Backfilled {
    const nowMs = this.#world.now();
    const kept = this.#tasks.get(name);
    if (toMs > nowMs)
      throw new DoError("INVALID_ARGUMENT", `Cannot backfill task "${name}": to must not be in the future`, { reason: "FUTURE" });
    const { backfill: most } = SCHEDULE_LIMITS;
    const times = occurrences(kept.timing, fromMs - 1, toMs - 1, most + 1);
    if (times.length > most) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot backfill task "${name}": the range has more than ${most} times`, {
        reason: "BACKFILL",
        details: { most },
      });
    }
    const answer = { dryRun, count: times.length, times: times.map((ms) => new Date(ms).toISOString()), runs: [] };
    if (dryRun) return answer;
    const done = this.#write(write, () => {
      const runs = times.map((scheduledMs) => {
        const id = this.#world.newId("run");
        enterRun(this.#runs, kept, { id, trigger: "backfill", scheduledMs, dueMs: nowMs, overlap }, nowMs, (runId) =>
          this.#flow.cancel(runId),
        );
        return id;
      });
      return { ...answer, runs };
    });
    this.#flow.pump(nowMs);
    return done;
  }

  /** @throws DoError CONFLICT when its overlap policy does not let it run */
  execute(name: string, sponsor: Sponsor, input: unknown, overlap: Overlap | undefined, write: Write): Run {
    const nowMs = this.#world.now();
    const run = this.#write(write, () => {
      const kept = this.#tasks.get(name);
      const { action, input: own } = kept.task;
      if (input !== undefined && !("code" in action || "function" in action)) {
        throw new DoError("INVALID_ARGUMENT", `Cannot execute task "${name}" with an input: only code and functions have one`, {
          reason: "NO_INPUT",
        });
      }
      const entering = {
        id: this.#world.newId("run"),
        trigger: "manual",
        scheduledMs: nowMs,
        dueMs: nowMs,
        overlap: overlap ?? kept.task.overlap ?? "skip",
        // Who asks for this run gets what is there now, and answers for it: not what somebody makes of the task meanwhile.
        work: JSON.stringify({ action, input: input === undefined ? own : input }),
        sponsor: JSON.stringify(sponsor),
      } as const;
      const isEntered = enterRun(this.#runs, kept, entering, nowMs, (id) => this.#flow.cancel(id));
      if (!isEntered) {
        throw new DoError(
          "CONFLICT",
          `Cannot execute task "${name}": an earlier run is not over, and its overlap policy is ${entering.overlap}`,
          { reason: "OVERLAP" },
        );
      }
      return this.run(entering.id);
    });
    this.#flow.pump(nowMs);
    this.#changed();
    return this.run(run.id);
  }

  next(name: string, fromMs: number, count: number): string[] {
    return timesOf({ ...this.#tasks.get(name), skip_next: 0 }, fromMs, count).map((ms) => new Date(ms).toISOString());
  }

  history(name: string, filter: RunFilter): { items: Run[]; cursor?: string } {
    const { items, cursor } = this.#runs.list(name, filter);
    const page = { items: items.map((row) => this.#shown(row)), ...(cursor === undefined ? {} : { cursor }) };
    // A task that was deleted has a history; a name that nothing had is a mistake.
    if (page.items.length === 0) this.#tasks.get(name);
    return page;
  }

  /** Of what runs, the execution is known here alone until it has ended. */
  #shown(row: RunRow): Run {
    return runOf(row.execution_id === null ? { ...row, execution_id: this.#flow.executionOf(row.id) } : row);
  }

  run(id: string): Run {
    return this.#shown(this.#runs.get(id));
  }

  cancelRun(id: string): { cancelled: boolean } {
    const cancelled = this.#storage.transactionSync(() => this.#flow.cancel(id));
    this.#flow.pump(this.#world.now());
    this.#changed();
    return { cancelled };
  }

  stats(task: string | undefined): Stats {
    const kept = task === undefined ? undefined : this.#tasks.get(task);
    const counts = kept ? { active: 0, paused: 0, completed: 0, [kept.state]: 1 } : this.#tasks.counts();
    const nextMs = kept ? (kept.state === "active" ? kept.due_ms : null) : (this.#tasks.earliestMs() ?? null);
    return { tasks: counts, ...statsOf(this.#sql, task), ...(nextMs === null ? {} : { nextAt: new Date(nextMs).toISOString() }) };
  }

  get cursor(): number {
    return this.#runs.seq;
  }

  changedSince(seq: number, task: string | undefined, most: number): { items: Run[]; seq: number } {
    const rows = this.#runs.changedSince(seq, task, most);
    return { items: rows.map((row) => this.#shown(row)), seq: rows.at(-1)?.seq ?? Math.max(seq, 0) };
  }

  /** Settles at the next change, or when the time is over. */
  async change(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listeners.add(resolve);
    const timer = setTimeout(resolve, waitMs);
    await promise;
    clearTimeout(timer);
    this.#listeners.delete(resolve);
  }
}

const DELETED = { code: "CANCELLED", reason: "TASK_DELETED", message: "The task was deleted" };

function isOver(name: string): DoError {
  return new DoError("CONFLICT", `Cannot do that with task "${name}": it is over`, { reason: "COMPLETED" });
}
