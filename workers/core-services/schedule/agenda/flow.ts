import type { Sponsor } from "../../shared/background.ts";
import { decideDue, type Occurrence } from "../decide/due.ts";
import { decideRetry, type Failure } from "../decide/retry.ts";
import { CLOCK_LIMITS, SCHEDULE_LIMITS, TASK_DEFAULTS } from "../limits.ts";
import type { Action, Task } from "../schema/task.ts";
import { enterRun } from "./entry.ts";
import { Letters } from "./letters.ts";
import type { RunNotes, Runs } from "./runs.ts";
import type { RunRow } from "./tables.ts";
import { retryPolicyOf, type KeptTask, type Tasks } from "./tasks.ts";
import type { Performed, RunFacts, World } from "./world.ts";

/** Something that runs in this process. */
interface InFlight {
  readonly kind: RunRow["kind"];
  readonly sponsor: Sponsor;
  executionId: string | undefined;
  isCancelled: boolean;
}

/** A part of the places that a sponsor has is left to who calls. */
const SHARE_OF_PLACES = 0.8;

/** How runs go: from due to waiting to running to ended, and back when they failed. */
export class Flow {
  readonly #storage: DurableObjectStorage;
  readonly #tasks: Tasks;
  readonly #runs: Runs;
  readonly #world: World;
  readonly #letters: Letters;
  readonly #inFlight = new Map<string, InFlight>();
  readonly #onChange: (dueMs?: number) => void;
  #codeMost: number = SCHEDULE_LIMITS.codeInFlight;
  /** Kinds of which none was left to start when it was last looked. */
  readonly #noneLeft = new Set<RunRow["kind"]>();

  constructor(storage: DurableObjectStorage, tasks: Tasks, runs: Runs, world: World, onChange: (dueMs?: number) => void) {
    this.#storage = storage;
    this.#tasks = tasks;
    this.#runs = runs;
    this.#world = world;
    this.#onChange = onChange;
    this.#letters = new Letters(runs, world, onChange);
  }

  /** Whether anything runs now. */
  get isBusy(): boolean {
    return this.#inFlight.size > 0 || this.#letters.isBusy;
  }

  /** What ran in a process that is gone is handed over again. */
  recover(nowMs: number): void {
    for (const row of this.#runs.running()) {
      if (this.#inFlight.has(row.id)) continue;
      if (row.lost < SCHEDULE_LIMITS.lost) this.#runs.lost(row, nowMs);
      else this.#fail(row, LOST, LOST.reason, nowMs);
    }
  }

  /** Enters runs of the tasks that are due, at most so many tasks. @returns whether there are more */
  takeDue(nowMs: number): boolean {
    const due = this.#tasks.due(nowMs, SCHEDULE_LIMITS.tasksPerTurn);
    if (due.length === 0) return false;
    this.#storage.transactionSync(() => {
      for (const task of due) this.#take(task, nowMs);
    });
    return this.#tasks.due(nowMs, 1).length > 0;
  }

  #take(row: KeptTask, nowMs: number): void {
    const { name, task, timing, next_ms: nextMs, due_ms: dueMs, skip_next: skipNext, runs } = row;
    if (nextMs === null || dueMs === null) return;
    const decision = decideDue(
      {
        timing,
        nextMs,
        dueMs,
        skipNext,
        catchupWindowMs: task.catchupWindowMs ?? TASK_DEFAULTS.catchupWindowMs,
        jitterMs: task.jitterMs ?? 0,
        runsLeft: task.maxRuns === undefined ? undefined : task.maxRuns - runs,
      },
      nowMs,
      { most: SCHEDULE_LIMITS.occurrencesPerTick, onTimeMs: CLOCK_LIMITS.onTimeMs, random: this.#world.random },
    );
    let entered = 0;
    for (const occurrence of decision.occurrences) {
      if (occurrence.kind === "run") {
        this.#enter(row, occurrence, nowMs);
        entered++;
      } else this.#leaveOut(row, occurrence, nowMs);
    }
    this.#tasks.took(name, decision.next, decision.skipNext, entered);
    if (!decision.next && entered === 0) this.#tasks.deleteIfOver(name);
  }

  #enter(row: KeptTask, { scheduledMs, dueMs, isLate }: Extract<Occurrence, { kind: "run" }>, nowMs: number): void {
    const trigger = isLate ? "catch-up" : "schedule";
    const overlap = row.task.overlap ?? "skip";
    enterRun(this.#runs, row, { id: this.#world.newId("run"), trigger, scheduledMs, dueMs, overlap }, nowMs, (id) => this.cancel(id));
  }

  #leaveOut({ name, id: taskId }: KeptTask, occurrence: Exclude<Occurrence, { kind: "run" }>, nowMs: number): void {
    const { kind, scheduledMs } = occurrence;
    const isMissed = kind === "missed";
    const run = {
      id: this.#world.newId("run"),
      task: name,
      taskId,
      kind: "call",
      state: "waiting",
      scheduledMs,
      dueMs: scheduledMs,
      rankMs: 0,
    } as const;
    const notes: RunNotes = isMissed ? { count: occurrence.count, error: MISSED } : { error: SKIPPED };
    this.#runs.addEnded({ ...run, trigger: isMissed ? "catch-up" : "schedule" }, kind, notes, nowMs);
  }

  /** Starts what may start, as far as there is room: after runs were entered, or their time has come. */
  pump(nowMs: number): void {
    this.#noneLeft.clear();
    this.#letters.pump(nowMs);
    for (const kind of ["call", "code"] as const) this.#fill(kind, nowMs);
  }

  #fill(kind: RunRow["kind"], nowMs: number): void {
    const room = this.#most(kind) - this.#countOf(kind);
    if (room <= 0 || this.#noneLeft.has(kind)) return;
    const rows = this.#runs.startable(kind, nowMs, room);
    if (rows.length < room) this.#noneLeft.add(kind);
    for (const row of rows) this.#start(row, nowMs);
  }

  #most(kind: RunRow["kind"]): number {
    return kind === "code" ? this.#codeMost : SCHEDULE_LIMITS.callsInFlight;
  }

  #countOf(kind: RunRow["kind"]): number {
    let count = 0;
    for (const running of this.#inFlight.values()) if (running.kind === kind) count++;
    return count;
  }

  #start(row: RunRow, nowMs: number): void {
    const kept = this.#tasks.find(row.task);
    const work = workOf(row, kept);
    if (!kept || !work) return void this.#fail(row, GONE, GONE.reason, nowMs);
    if (nowMs - row.first_due_ms > retryPolicyOf(kept.task).maxAgeMs && row.trigger !== "backfill")
      return void this.#fail(row, TOO_OLD, TOO_OLD.reason, nowMs);
    this.#runs.started(row, nowMs);
    const running: InFlight = { kind: row.kind, sponsor: work.sponsor, executionId: undefined, isCancelled: false };
    this.#inFlight.set(row.id, running);
    const run = factsOf(row, row.attempt + 1);
    const performing = this.#world.perform({ ...work, run }, (executionId) => this.#named(row.id, running, executionId));
    void performing.then((performed) => this.#settle(row.id, performed));
  }

  /** A place to cancel it by is known now. */
  #named(id: string, running: InFlight, executionId: string): void {
    if (this.#inFlight.get(id) !== running) return;
    running.executionId = executionId;
    if (running.isCancelled) void this.#world.cancel(running.sponsor, executionId).catch(() => {});
  }

  #settle(id: string, performed: Performed): void {
    const running = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    const nowMs = this.#world.now();
    const dueMs = this.#storage.transactionSync(() => {
      const row = this.#runs.find(id);
      if (row?.state !== "running") return undefined;
      const ran = { ...row, execution_id: performed.executionId ?? running?.executionId ?? null };
      if (performed.ok) this.#finish(ran, "ok", resultNotes(performed), nowMs);
      else if (performed.isCancelled || running?.isCancelled) this.#finish(ran, "cancelled", { error: CANCELLED }, nowMs);
      else return this.#retryOrFail(ran, performed, nowMs);
      return undefined;
    });
    if (!performed.ok && performed.places !== undefined) this.#codeMost = Math.max(1, Math.floor(performed.places * SHARE_OF_PLACES));
    for (const kind of ["call", "code"] as const) this.#fill(kind, nowMs);
    this.#onChange(dueMs ?? Infinity);
  }

  /** @returns when there is something to do again, if there is */
  #retryOrFail(row: RunRow, { failure }: Extract<Performed, { ok: false }>, nowMs: number): number | undefined {
    const kept = this.#tasks.find(row.task);
    if (!kept) return this.#fail(row, failure, failure.reason, nowMs);
    const tried = { attempts: row.attempt, refusals: row.refusals, dueMs: row.first_due_ms };
    const decision = decideRetry(retryPolicyOf(kept.task), tried, failure, nowMs, this.#world.random);
    if (decision.do === "fail") return this.#fail(row, failure, decision.reason, nowMs);
    const attempt = {
      attempt: row.attempt,
      startedAt: new Date(row.started_ms ?? nowMs).toISOString(),
      endedAt: new Date(nowMs).toISOString(),
      error: problemOf(failure, failure.reason),
      ...(row.execution_id === null ? {} : { executionId: row.execution_id }),
    };
    this.#runs.again(row, decision.atMs, failure.kind === "later" ? undefined : attempt);
    return decision.atMs;
  }

  #fail(row: RunRow, failure: Pick<Failure, "code" | "message">, reason: string | undefined, nowMs: number): number | undefined {
    const kept = this.#tasks.find(row.task);
    this.#finish(row, "failed", { error: problemOf(failure, reason) }, nowMs);
    if (kept?.task.pauseOnFailure && kept.state === "active") {
      this.#tasks.setState(row.task, "paused", `Run ${row.id} failed: ${failure.message}`.slice(0, 1_000), nowMs);
    }
    if (!kept?.task.deadLetter) return undefined;
    const { sponsor } = workOf(row, kept) ?? { sponsor: JSON.parse(kept.sponsor) as Sponsor };
    this.#runs.writeLetter(row.id, JSON.stringify({ queue: kept.task.deadLetter.queue, sponsor }), nowMs);
    return nowMs;
  }

  #finish(row: RunRow, outcome: "ok" | "failed" | "cancelled", notes: RunNotes, nowMs: number): void {
    this.#runs.end(row, outcome, notes, nowMs);
    const { active, buffered } = this.#runs.open(row.task);
    if (active === 0 && buffered > 0) {
      this.#runs.promote(row.task, nowMs);
      this.#noneLeft.delete(row.kind);
    }
    if (active + buffered === 0) this.#tasks.deleteIfOver(row.task);
  }

  executionOf(id: string): string | null {
    return this.#inFlight.get(id)?.executionId ?? null;
  }

  /** Tells a run to end. @returns whether it will: a call that runs cannot be taken back */
  cancel(id: string): boolean {
    const nowMs = this.#world.now();
    const row = this.#runs.get(id);
    if (row.state === "ended") return false;
    const running = this.#inFlight.get(id);
    if (!running) {
      this.#finish(row, "cancelled", { error: CANCELLED }, nowMs);
      return true;
    }
    if (running.kind === "call") return false;
    running.isCancelled = true;
    if (running.executionId !== undefined) void this.#world.cancel(running.sponsor, running.executionId).catch(() => {});
    return true;
  }

  /** The earliest that there is something to do; of the runs that wait, only those that are due after `fromMs`. */
  earliestMs(fromMs: number): number | undefined {
    const times = [this.#tasks.earliestMs(), this.#runs.earliestMs(fromMs), this.#letters.earliestMs()].filter((ms) => ms !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}

/** Its own work, or the task's of the moment. */
function workOf({ work, sponsor }: RunRow, kept: KeptTask | undefined): { action: Action; input: unknown; sponsor: Sponsor } | undefined {
  const own = work === null ? kept?.task : (JSON.parse(work) as Pick<Task, "action" | "input">);
  const whose = sponsor ?? kept?.sponsor;
  return own && whose !== undefined ? { action: own.action, input: own.input, sponsor: JSON.parse(whose) as Sponsor } : undefined;
}

export function factsOf({ id, task, scheduled_ms: scheduledMs, trigger }: RunRow, attempt: number): RunFacts {
  return { id, task, scheduledFor: new Date(scheduledMs).toISOString(), attempt, trigger };
}

function problemOf({ code, message }: Pick<Failure, "code" | "message">, reason: string | undefined) {
  return { code, ...(reason === undefined ? {} : { reason }), message: message.slice(0, SCHEDULE_LIMITS.errorCharacters) };
}

function resultNotes({ result, types }: Extract<Performed, { ok: true }>): RunNotes {
  if (result === undefined) return {};
  const size = JSON.stringify({ result, types }).length;
  if (size > SCHEDULE_LIMITS.resultBytes) return { resultOmitted: true };
  return { result, ...(Object.keys(types).length > 0 ? { resultEncoding: types } : {}) };
}

const LOST = { code: "UNAVAILABLE", reason: "LOST", message: "The process that ran it was lost too often" } as const;
const GONE = { code: "NOT_FOUND", reason: "TASK_DELETED", message: "The task was deleted" } as const;
const TOO_OLD = { code: "TIMEOUT", reason: "MAX_AGE", message: "It was due longer ago than the task's maxAgeMs" } as const;
const CANCELLED = { code: "CANCELLED", message: "It was cancelled" } as const;
const MISSED = { code: "TIMEOUT", reason: "CATCHUP_WINDOW", message: "It was missed for longer than the task's catchupWindowMs" } as const;
const SKIPPED = { code: "CANCELLED", reason: "SKIP_NEXT", message: "It was to be left out" } as const;
