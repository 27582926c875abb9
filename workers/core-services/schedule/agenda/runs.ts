import { DoError } from "../../../../sdk/src/errors.ts";
import type { ValueTypes } from "../../../../sdk/src/values.ts";
import type { Open } from "../decide/overlap.ts";
import { SCHEDULE_LIMITS } from "../limits.ts";
import type { Attempt, Problem, Run, RunOutcome, Trigger } from "../schema/run.ts";
import type { RunRow } from "./tables.ts";

/** What is kept of a run beside its columns. */
export interface RunNotes {
  result?: unknown;
  resultEncoding?: ValueTypes;
  resultOmitted?: true;
  error?: Problem;
  count?: number;
  attempts?: Attempt[];
}

export interface NewRun {
  readonly id: string;
  readonly task: string;
  readonly taskId: string;
  readonly kind: RunRow["kind"];
  readonly trigger: Trigger;
  readonly state: "buffered" | "waiting";
  readonly scheduledMs: number;
  readonly dueMs: number;
  readonly rankMs: number;
  readonly work?: string | undefined;
  readonly sponsor?: string | undefined;
}

/** The runs of a tenant's tasks, in its object's storage. */
export class Runs {
  readonly #sql: SqlStorage;
  #seq: number;
  #sinceSweep = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#seq = sql.exec<{ seq: number | null }>("SELECT max(seq) AS seq FROM runs").one().seq ?? 0;
  }

  /** Of the last change. */
  get seq(): number {
    return this.#seq;
  }

  add(run: NewRun): void {
    this.#insert(run, run.state, null, null, {});
  }

  /** One that is over before it began. */
  addEnded(run: NewRun, outcome: RunOutcome, notes: RunNotes, nowMs: number): void {
    this.#insert(run, "ended", outcome, nowMs, notes);
    this.#ended(nowMs);
  }

  #insert(run: NewRun, state: RunRow["state"], outcome: RunOutcome | null, endedMs: number | null, notes: RunNotes): void {
    const { id, task, taskId, kind, trigger, scheduledMs, dueMs, rankMs, work = null, sponsor = null } = run;
    this.#sql.exec(
      `INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, 0, 0, 0, ?, NULL, ?, ?, ?, NULL, NULL, NULL, 0)`,
      id,
      task,
      taskId,
      ++this.#seq,
      kind,
      trigger,
      state,
      scheduledMs,
      dueMs,
      dueMs,
      rankMs,
      endedMs,
      outcome,
      work,
      sponsor,
      JSON.stringify(notes),
    );
  }

  find(id: string): RunRow | undefined {
    return this.#sql.exec<RunRow>("SELECT * FROM runs WHERE id = ?", id).toArray()[0];
  }

  /** @throws DoError NOT_FOUND */
  get(id: string): RunRow {
    const found = this.find(id);
    if (!found) throw new DoError("NOT_FOUND", "There is no such run in this tenant, or it is no longer kept", { reason: "UNKNOWN_RUN" });
    return found;
  }

  open(task: string): Open {
    const rows = this.#sql.exec<{ state: string; n: number }>(
      "SELECT state, count(*) AS n FROM runs WHERE task = ? AND state <> 'ended' GROUP BY state",
      task,
    );
    let [active, buffered] = [0, 0];
    for (const { state, n } of rows) {
      if (state === "buffered") buffered += n;
      else active += n;
    }
    return { active, buffered };
  }

  /** Of a task that are not over. */
  openRows(task: string, state: "buffered" | "waiting" | "running"): RunRow[] {
    return this.#sql.exec<RunRow>("SELECT * FROM runs WHERE task = ? AND state = ? ORDER BY id", task, state).toArray();
  }

  /** Those to start now, who starts first at first. */
  startable(kind: RunRow["kind"], nowMs: number, most: number): RunRow[] {
    return this.#sql
      .exec<RunRow>(
        "SELECT * FROM runs WHERE state = 'waiting' AND kind = ? AND due_ms <= ? ORDER BY rank_ms, id LIMIT ?",
        kind,
        nowMs,
        most,
      )
      .toArray();
  }

  running(): RunRow[] {
    return this.#sql.exec<RunRow>("SELECT * FROM runs WHERE state = 'running'").toArray();
  }

  /** When the next one that waits for its time may start. */
  earliestMs(afterMs: number): number | undefined {
    const { ms } = this.#sql
      .exec<{ ms: number | null }>("SELECT min(due_ms) AS ms FROM runs WHERE state = 'waiting' AND due_ms > ?", afterMs)
      .one();
    return ms ?? undefined;
  }

  started({ id, first_started_ms: firstMs }: RunRow, nowMs: number): void {
    this.#sql.exec(
      "UPDATE runs SET state = 'running', seq = ?, started_ms = ?, first_started_ms = ?, attempt = attempt + 1, execution_id = NULL WHERE id = ?",
      ++this.#seq,
      nowMs,
      firstMs ?? nowMs,
      id,
    );
  }

  /** It goes back: after an attempt that failed (`failed`), or because there was no room and nothing was attempted. */
  again(row: RunRow, atMs: number, failed: Attempt | undefined): void {
    const notes = notesOf(row);
    const attempts = failed ? [...(notes.attempts ?? []), failed] : notes.attempts;
    this.#sql.exec(
      `UPDATE runs SET state = 'waiting', seq = ?, due_ms = ?, rank_ms = ?, started_ms = NULL, execution_id = NULL,
         attempt = ?, refusals = ?, first_started_ms = ?, notes = ? WHERE id = ?`,
      ++this.#seq,
      atMs,
      atMs,
      failed ? row.attempt : row.attempt - 1,
      failed ? 0 : row.refusals + 1,
      failed || row.attempt > 1 ? row.first_started_ms : null,
      JSON.stringify({ ...notes, ...(attempts ? { attempts } : {}) }),
      row.id,
    );
  }

  /** The process that ran it is gone. */
  lost({ id }: RunRow, nowMs: number): void {
    this.#sql.exec(
      "UPDATE runs SET state = 'waiting', seq = ?, due_ms = ?, lost = lost + 1, execution_id = NULL WHERE id = ?",
      ++this.#seq,
      nowMs,
      id,
    );
  }

  /** The first of those that wait for one another. */
  promote(task: string, nowMs: number): void {
    this.#sql.exec(
      `UPDATE runs SET state = 'waiting', seq = ?, due_ms = max(due_ms, ?), rank_ms = ?
         WHERE id = (SELECT id FROM runs WHERE task = ? AND state = 'buffered' ORDER BY id LIMIT 1)`,
      ++this.#seq,
      nowMs,
      nowMs,
      task,
    );
  }

  end(row: RunRow, outcome: RunOutcome, notes: RunNotes, nowMs: number): void {
    this.#sql.exec(
      "UPDATE runs SET state = 'ended', seq = ?, ended_ms = ?, outcome = ?, notes = ?, execution_id = ?, work = NULL, sponsor = NULL WHERE id = ?",
      ++this.#seq,
      nowMs,
      outcome,
      row.notes === "{}" ? JSON.stringify(notes) : JSON.stringify({ ...notesOf(row), ...notes }),
      row.execution_id,
      row.id,
    );
    this.#ended(nowMs);
  }

  /** Its dead letter is to be sent. */
  writeLetter(id: string, to: string, dueMs: number): void {
    this.#sql.exec(
      "UPDATE runs SET letter = 'waiting', letter_to = ?, letter_due_ms = ?, seq = ? WHERE id = ?",
      to,
      dueMs,
      ++this.#seq,
      id,
    );
  }
  letters(nowMs: number, most: number): RunRow[] {
    return this.#sql
      .exec<RunRow>("SELECT * FROM runs WHERE letter = 'waiting' AND letter_due_ms <= ? ORDER BY letter_due_ms LIMIT ?", nowMs, most)
      .toArray();
  }
  earliestLetterMs(): number | undefined {
    return (
      this.#sql.exec<{ ms: number | null }>("SELECT min(letter_due_ms) AS ms FROM runs WHERE letter = 'waiting'").one().ms ?? undefined
    );
  }
  letterAgain(id: string, atMs: number): void {
    this.#sql.exec("UPDATE runs SET letter_due_ms = ?, letter_tries = letter_tries + 1 WHERE id = ?", atMs, id);
  }
  letterDone(id: string, how: "sent" | "failed"): void {
    this.#sql.exec("UPDATE runs SET letter = ?, letter_to = NULL, letter_due_ms = NULL, seq = ? WHERE id = ?", how, ++this.#seq, id);
  }

  /** Of a clock that was put back: what waits for a time that is far again waits no longer. */
  dueNow(laterThanMs: number, nowMs: number): void {
    this.#sql.exec("UPDATE runs SET due_ms = ? WHERE state = 'waiting' AND due_ms > ?", nowMs, laterThanMs);
  }

  list(task: string, filter: RunFilter): { items: RunRow[]; cursor?: string } {
    const { outcome, fromMs, toMs, limit, cursor = "~" } = filter;
    const rows = this.#sql
      .exec<RunRow>(
        `SELECT * FROM runs WHERE task = ? AND id < ? AND (? IS NULL OR outcome = ?) AND (? IS NULL OR scheduled_ms >= ?)
           AND (? IS NULL OR scheduled_ms < ?) ORDER BY id DESC LIMIT ?`,
        task,
        cursor,
        outcome ?? null,
        outcome ?? null,
        fromMs ?? null,
        fromMs ?? null,
        toMs ?? null,
        toMs ?? null,
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.id } : { items };
  }

  changedSince(seq: number, task: string | undefined, most: number): RunRow[] {
    return this.#sql
      .exec<RunRow>(
        "SELECT * FROM runs WHERE seq > ? AND (? IS NULL OR task = ?) ORDER BY seq LIMIT ?",
        seq,
        task ?? null,
        task ?? null,
        most,
      )
      .toArray();
  }

  #ended(nowMs: number): void {
    if (++this.#sinceSweep >= SCHEDULE_LIMITS.runsPerTask) this.sweep(nowMs);
  }

  /** Deletes what is over its age or number. */
  sweep(nowMs: number): void {
    this.#sinceSweep = 0;
    const { keepMs, runsPerTask, runsPerTenant } = SCHEDULE_LIMITS;
    const old = "state = 'ended' AND letter IS NOT 'waiting'";
    this.#sql.exec(`DELETE FROM runs WHERE ${old} AND ended_ms < ?`, nowMs - keepMs);
    this.#sql.exec(
      `DELETE FROM runs WHERE ${old} AND id <= (SELECT id FROM runs WHERE state = 'ended' ORDER BY id DESC LIMIT 1 OFFSET ?)`,
      runsPerTenant,
    );
    const full = this.#sql
      .exec<{ task: string }>("SELECT task FROM runs WHERE state = 'ended' GROUP BY task HAVING count(*) > ?", runsPerTask)
      .toArray();
    for (const { task } of full) {
      this.#sql.exec(
        `DELETE FROM runs WHERE ${old} AND task = ? AND id <= (SELECT id FROM runs WHERE task = ? AND state = 'ended' ORDER BY id DESC LIMIT 1 OFFSET ?)`,
        task,
        task,
        runsPerTask,
      );
    }
  }
}

export interface RunFilter {
  readonly outcome?: RunOutcome | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export function notesOf({ notes }: RunRow): RunNotes {
  return JSON.parse(notes) as RunNotes;
}

const time = (ms: number) => new Date(ms).toISOString();

/** A row as callers have it. */
export function runOf(row: RunRow): Run {
  const { id, task, trigger, state, attempt, outcome } = row;
  const [firstMs, startedMs, endedMs] = [row.first_started_ms, row.started_ms, row.ended_ms];
  return {
    id,
    task,
    trigger,
    state,
    scheduledFor: time(row.scheduled_ms),
    dueAt: time(row.due_ms),
    ...(startedMs === null ? {} : { startedAt: time(startedMs) }),
    ...(endedMs === null ? {} : { endedAt: time(endedMs) }),
    attempt,
    ...(outcome === null ? {} : { outcome }),
    ...(firstMs === null ? {} : { lagMs: Math.max(0, firstMs - row.first_due_ms) }),
    ...(startedMs === null || endedMs === null ? {} : { durationMs: Math.max(0, endedMs - startedMs) }),
    ...notesOf(row),
    ...(row.execution_id === null ? {} : { executionId: row.execution_id }),
    ...(row.letter === null ? {} : { deadLetter: row.letter }),
  };
}
