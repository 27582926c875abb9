import { DoError } from "../../../../sdk/src/errors.ts";
import { byteLength } from "../../shared/hash.ts";
import type { Sponsor } from "../../shared/background.ts";
import { SCHEDULE_LIMITS, TASK_DEFAULTS } from "../limits.ts";
import type { Changes, Task, TaskInfo } from "../schema/task.ts";
import { withJitter } from "../decide/due.ts";
import type { RetryPolicy } from "../decide/retry.ts";
import { nextAfter, type Timing } from "../timing/timing.ts";
import { timingOf } from "../timing/spec.ts";
import type { TaskColumns, TaskRow } from "./tables.ts";

/** A task as it is kept, with what follows from its definition. */
export interface KeptTask extends Omit<TaskColumns, "definition"> {
  readonly task: Task;
  readonly timing: Timing;
}

export function kept({ definition, ...row }: TaskRow): KeptTask {
  const task = JSON.parse(definition) as Task;
  let timing: Timing | undefined;
  return {
    ...row,
    task,
    // Who starts a run does not ask for it.
    get timing() {
      return (timing ??= timingOf(task, row.anchor_ms));
    },
  };
}

export function retryPolicyOf({ retry = {} }: Task): RetryPolicy {
  const { attempts, backoffMs, maxBackoffMs, maxAgeMs } = TASK_DEFAULTS;
  return {
    maxAttempts: retry.maxAttempts ?? attempts,
    backoffMs: retry.backoffMs ?? backoffMs,
    maxBackoffMs: retry.maxBackoffMs ?? maxBackoffMs,
    maxAgeMs: retry.maxAgeMs ?? maxAgeMs,
  };
}

/** The times after an instant that a task would be due, as it stands. */
export function timesOf({ task, timing, runs, skip_next: skip }: KeptTask, afterMs: number, count: number): number[] {
  const left = Math.min(count, task.maxRuns === undefined ? Infinity : Math.max(0, task.maxRuns - runs));
  const times: number[] = [];
  let at = nextAfter(timing, afterMs);
  for (let i = 0; at !== undefined && times.length < left; i++, at = nextAfter(timing, at)) if (i >= skip) times.push(at);
  return times;
}

/** @param times how many of the next are named: each takes some work */
export function infoOf(row: KeptTask, times: number): TaskInfo {
  const { task, name, state, note, created_ms: createdMs, updated_ms: updatedMs, runs, skip_next: skipNext, next_ms: nextMs } = row;
  return {
    ...task,
    name,
    state,
    ...(note === null ? {} : { note }),
    createdAt: new Date(createdMs).toISOString(),
    updatedAt: new Date(updatedMs).toISOString(),
    runs,
    skipNext,
    next: state === "active" && nextMs !== null ? timesOf(row, nextMs - 1, times).map((ms) => new Date(ms).toISOString()) : [],
  };
}

/** The definition with its changes; another time replaces the old one, and is anchored anew. */
export function changed(task: Task, changes: Changes): Task {
  const isRetimed = [changes.cron, changes.every, changes.at].some((member) => typeof member === "string" || typeof member === "number");
  const { cron: _cron, every: _every, at: _at, ...rest } = task;
  const merged = { ...(isRetimed ? rest : task), ...changes };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined)) as Task;
}

/** The tasks of a tenant, in its object's storage. */
export class Tasks {
  readonly #sql: SqlStorage;
  readonly #random: () => number;

  constructor(sql: SqlStorage, random: () => number) {
    this.#sql = sql;
    this.#random = random;
  }

  /** @throws DoError CONFLICT, LIMIT_EXCEEDED, TOO_LARGE, INVALID_ARGUMENT */
  create(name: string, id: string, task: Task, sponsor: Sponsor, nowMs: number): KeptTask {
    if (this.find(name))
      throw new DoError("CONFLICT", `Cannot create task "${name}": there is one of that name`, { reason: "TASK_EXISTS" });
    const { n } = this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM tasks").one();
    const { tasks: most } = SCHEDULE_LIMITS;
    if (n >= most)
      throw new DoError("LIMIT_EXCEEDED", `Cannot create task "${name}": a tenant has at most ${most}`, {
        reason: "TASKS",
        details: { most },
      });
    const timing = timingOf(task, nowMs);
    const next = this.#firstOf(task, timing, nowMs, name);
    this.#sql.exec(
      "INSERT INTO tasks VALUES (?, ?, 'active', NULL, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
      name,
      id,
      definitionText(name, task),
      JSON.stringify(sponsor),
      nowMs,
      nowMs,
      nowMs,
      next.nextMs,
      next.dueMs,
    );
    return this.get(name);
  }

  /** @throws DoError as create() */
  update(name: string, changes: Changes, sponsor: Sponsor, nowMs: number): KeptTask {
    const old = this.get(name);
    const task = changed(old.task, changes);
    const isRetimed = (["cron", "every", "at", "timezone", "startAt", "endAt", "jitterMs", "maxRuns"] as const).some((member) =>
      Object.hasOwn(changes, member),
    );
    this.#sql.exec(
      "UPDATE tasks SET definition = ?, sponsor = ?, updated_ms = ? WHERE name = ?",
      definitionText(name, task),
      JSON.stringify(sponsor),
      nowMs,
      name,
    );
    if (!isRetimed) {
      timingOf(task, old.anchor_ms);
      return this.get(name);
    }
    const anchorMs = changes.every === undefined ? old.anchor_ms : nowMs;
    const isOver = task.maxRuns !== undefined && old.runs >= task.maxRuns;
    const next = isOver ? { nextMs: null, dueMs: null } : this.#firstOf(task, timingOf(task, anchorMs), nowMs, name);
    this.#sql.exec(
      "UPDATE tasks SET anchor_ms = ?, state = CASE state WHEN 'completed' THEN 'active' ELSE state END WHERE name = ?",
      anchorMs,
      name,
    );
    this.setNext(name, next.nextMs, next.dueMs);
    return this.get(name);
  }

  /** @throws DoError UNPROCESSABLE for a time that never comes */
  #firstOf(task: Task, timing: Timing, nowMs: number, name: string): { nextMs: number; dueMs: number } {
    // An instant of this second, or of the way here, is now and not the past.
    const nextMs =
      timing.kind === "at" && timing.atMs > nowMs - 60_000 ? (nextAfter(timing, timing.atMs - 1) ?? undefined) : nextAfter(timing, nowMs);
    if (nextMs === undefined) {
      throw new DoError("INVALID_ARGUMENT", `Cannot keep task "${name}": its time never comes after now`, { reason: "NEVER_FIRES" });
    }
    return { nextMs, dueMs: withJitter({ timing, jitterMs: task.jitterMs ?? 0 }, nextMs, this.#random) };
  }

  setNext(name: string, nextMs: number | null, dueMs: number | null): void {
    this.#sql.exec("UPDATE tasks SET next_ms = ?, due_ms = ? WHERE name = ?", nextMs, dueMs, name);
  }

  /** After an instant: what came before it is left out. */
  restart(task: KeptTask, afterMs: number): void {
    const nextMs = nextAfter(task.timing, afterMs);
    const dueMs =
      nextMs === undefined ? null : withJitter({ timing: task.timing, jitterMs: task.task.jitterMs ?? 0 }, nextMs, this.#random);
    this.setNext(task.name, nextMs ?? null, dueMs);
  }

  /** What was due is decided, and this is next; without a next time it is over. */
  took(name: string, next: { readonly nextMs: number; readonly dueMs: number } | undefined, skipNext: number, runs: number): void {
    const state = next ? "active" : "completed";
    const [nextMs, dueMs] = next ? [next.nextMs, next.dueMs] : [null, null];
    this.#sql.exec(
      "UPDATE tasks SET next_ms = ?, due_ms = ?, skip_next = ?, runs = runs + ?, state = ? WHERE name = ?",
      nextMs,
      dueMs,
      skipNext,
      runs,
      state,
      name,
    );
  }

  /** For a task of which no run is open. */
  deleteIfOver(name: string): void {
    this.#sql.exec("DELETE FROM tasks WHERE name = ? AND state = 'completed' AND definition ->> '$.deleteAfterCompletion' = 1", name);
  }

  setState(name: string, state: TaskRow["state"], note: string | null, nowMs: number): void {
    this.#sql.exec("UPDATE tasks SET state = ?, note = ?, updated_ms = ? WHERE name = ?", state, note, nowMs, name);
  }

  setSkip(name: string, skipNext: number): void {
    this.#sql.exec("UPDATE tasks SET skip_next = ? WHERE name = ?", skipNext, name);
  }

  delete(name: string): boolean {
    return this.#sql.exec("DELETE FROM tasks WHERE name = ?", name).rowsWritten > 0;
  }

  find(name: string): KeptTask | undefined {
    const [row] = this.#sql.exec<TaskRow>("SELECT * FROM tasks WHERE name = ?", name).toArray();
    return row && kept(row);
  }

  /** @throws DoError NOT_FOUND */
  get(name: string): KeptTask {
    const found = this.find(name);
    if (!found) throw new DoError("NOT_FOUND", `There is no task "${name}"`, { reason: "UNKNOWN_TASK" });
    return found;
  }

  due(nowMs: number, most: number): KeptTask[] {
    return this.#sql
      .exec<TaskRow>(
        "SELECT * FROM tasks WHERE state = 'active' AND due_ms IS NOT NULL AND due_ms <= ? ORDER BY due_ms LIMIT ?",
        nowMs,
        most,
      )
      .toArray()
      .map(kept);
  }

  active(): KeptTask[] {
    return this.#sql.exec<TaskRow>("SELECT * FROM tasks WHERE state = 'active' AND due_ms IS NOT NULL").toArray().map(kept);
  }

  /** When the next is due; undefined when none will be. */
  earliestMs(): number | undefined {
    const { ms } = this.#sql
      .exec<{ ms: number | null }>("SELECT min(due_ms) AS ms FROM tasks WHERE state = 'active' AND due_ms IS NOT NULL")
      .one();
    return ms ?? undefined;
  }

  list(filter: TaskFilter): { items: TaskInfo[]; cursor?: string } {
    const { tag, state, prefix = "", limit, cursor = "" } = filter;
    const rows = this.#sql
      .exec<TaskRow>(
        `SELECT * FROM tasks WHERE name > ? AND substr(name, 1, ?) = ? AND (? IS NULL OR state = ?)
           AND (? IS NULL OR EXISTS (SELECT 1 FROM json_each(definition, '$.tags') WHERE value = ?)) ORDER BY name LIMIT ?`,
        cursor,
        prefix.length,
        prefix,
        state ?? null,
        state ?? null,
        tag ?? null,
        tag ?? null,
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit).map((row) => infoOf(kept(row), 1));
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.name } : { items };
  }

  counts(): Record<TaskRow["state"], number> {
    const rows = this.#sql.exec<{ state: TaskRow["state"]; n: number }>("SELECT state, count(*) AS n FROM tasks GROUP BY state").toArray();
    const of = (state: TaskRow["state"]) => rows.find((row) => row.state === state)?.n ?? 0;
    return { active: of("active"), paused: of("paused"), completed: of("completed") };
  }
}

export interface TaskFilter {
  readonly tag?: string | undefined;
  readonly state?: TaskRow["state"] | undefined;
  readonly prefix?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

function definitionText(name: string, task: Task): string {
  const text = JSON.stringify(task);
  const bytes = byteLength(text);
  const { taskBytes } = SCHEDULE_LIMITS;
  if (bytes > taskBytes)
    throw new DoError("TOO_LARGE", `Cannot keep task "${name}": it must be at most ${taskBytes} bytes as JSON, got ${bytes}`, {
      reason: "TASK",
    });
  return text;
}
