import { DurableObject } from "cloudflare:workers";
import type { ExecutionRecord, ExecutionState, ExecutionSummary, LogEntry, Outcome, Page, Usage } from "../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../sdk/src/values.ts";
import { idempotencyMismatch } from "../../../core-services/shared/once.ts";
import { DoError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import {
  CREATE_TABLES,
  IDEMPOTENCY_MS,
  MAX_CACHED_ANSWERS,
  RETENTION,
  type Admission,
  type BeginEntry,
  type FinishEntry,
  type RunControl,
} from "./schema.ts";
import type { WholeRecord } from "./unwritten.ts";
import { Texts } from "../../../core-services/shared/texts.ts";

interface Row extends Record<string, SqlStorageValue> {
  id: string;
  parent_id: string | null;
  cause: string | null;
  state: ExecutionState;
  started_ms: number;
  ended_ms: number | null;
  principal: string;
  language: "ts" | "js";
  request_hash: string;
  code_key: string;
  input_types: string;
  outcome: Outcome | null;
  usage: string | null;
}

type Ended = Pick<ExecutionRecord, "logs" | "calls" | "requests" | "error" | "truncated">;

/** As text, so that the index of those that run is found. */
const IN_STATE = { running: "state = 'running'", ended: "state = 'ended'" } as const;

interface InFlight {
  readonly ended: Promise<void>;
  readonly resolve: () => void;
  readonly deadlineMs: number;
}

/** Each execution of one tenant, what it answered to whom by key, and the handle to stop it while it runs. */
export class Executions extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #texts: Texts;
  readonly #running = new Map<string, { control: Rpc.Stub<RunControl & Rpc.RpcTargetBranded>; begin: BeginEntry }>();
  readonly #inFlight = new Map<string, InFlight>();
  #sinceSweep = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(CREATE_TABLES);
    this.#addCause();
    this.#texts = new Texts(this.#sql);
    // What was running when this object ended has nobody left to report it; if it still reports, that counts.
    this.#sql.exec("UPDATE executions SET state = 'ended', outcome = 'lost', ended_ms = started_ms WHERE state = 'running'");
    this.#sweep(Date.now());
  }

  /** Of data that was made before executions had a cause. */
  #addCause(): void {
    const columns = this.#sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('executions')").toArray();
    if (!columns.some(({ name }) => name === "cause")) this.#sql.exec("ALTER TABLE executions ADD COLUMN cause TEXT");
  }

  /**
   * Records that an execution starts, unless its answer is known by key. Equal requests with a cache key wait here for
   * the first of them.
   * @throws DoError UNPROCESSABLE (key used for another request), CONFLICT (its first request still runs)
   */
  async begin(entry: BeginEntry, control: Rpc.Stub<RunControl & Rpc.RpcTargetBranded>): Promise<Admission> {
    // Looked for again after the wait: another request with the same key may have begun meanwhile.
    const known = this.#answerByOnceKey(entry) ?? (await this.#answerByCacheKey(entry)) ?? this.#answerByOnceKey(entry);
    if (known) return known;
    if (entry.cache) this.#enterFlight(entry.cache.hash, entry.deadlineMs);
    this.#insert(entry);
    if (entry.once) {
      this.#sql.exec(
        "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, 0, ?)",
        entry.once.key,
        entry.once.bodyHash,
        entry.id,
        entry.startedMs + IDEMPOTENCY_MS,
      );
    }
    this.#running.set(entry.id, { control: control.dup(), begin: entry });
    return { kind: "run" };
  }

  /** An execution that begun and found no place to run in: its row and its keys are free again. */
  withdraw(id: string): void {
    const running = this.#running.get(id);
    if (!running) return;
    this.#running.delete(id);
    running.control[Symbol.dispose]();
    this.#leaveFlight(running.begin);
    this.#sql.exec("DELETE FROM idempotency WHERE execution_id = ?", id);
    this.#sql.exec("DELETE FROM executions WHERE id = ?", id);
  }

  finish(entry: FinishEntry): void {
    const running = this.#running.get(entry.id);
    this.#running.delete(entry.id);
    running?.control[Symbol.dispose]();
    this.#end(entry);
    if (running) this.#keepAnswer(running.begin, entry);
  }

  /** Start and end of executions that nobody could have missed in between: one row each, written once. */
  record(records: readonly WholeRecord[]): void {
    for (const { begin, finish } of records) {
      this.#insert(begin, finish);
      this.#putEnded(finish);
      this.#sweepSometimes(finish.endedMs);
    }
  }

  #insert(entry: BeginEntry, finish?: FinishEntry): void {
    const codeKey = `code:${entry.codeHash}`;
    this.#texts.putOnce(codeKey, entry.code);
    if (entry.input !== "") this.#texts.put(`input:${entry.id}`, entry.input);
    this.#sql.exec(
      `INSERT INTO executions (id, parent_id, state, started_ms, ended_ms, principal, language, request_hash, code_key, input_types, outcome, usage, cause)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      entry.id,
      entry.parentId ?? null,
      finish ? "ended" : "running",
      entry.startedMs,
      finish?.endedMs ?? null,
      JSON.stringify(entry.principal),
      entry.language,
      entry.requestHash,
      codeKey,
      JSON.stringify(entry.inputTypes),
      finish?.outcome ?? null,
      finish ? JSON.stringify(finish.usage) : null,
      entry.cause ?? null,
    );
  }

  #end(finish: FinishEntry): void {
    this.#putEnded(finish);
    this.#sql.exec(
      "UPDATE executions SET state = 'ended', ended_ms = ?, outcome = ?, usage = ? WHERE id = ?",
      finish.endedMs,
      finish.outcome,
      JSON.stringify(finish.usage),
      finish.id,
    );
    this.#sweepSometimes(finish.endedMs);
  }

  #putEnded({ id, logs, calls, requests, error, truncated }: FinishEntry): void {
    const ended: Ended = {
      logs,
      calls,
      ...(requests ? { requests: [...requests] } : {}),
      ...(error ? { error } : {}),
      ...(truncated.length > 0 ? { truncated } : {}),
    };
    const isEmpty = logs.length === 0 && calls.length === 0 && !requests && !error;
    if (!isEmpty) this.#texts.put(`ended:${id}`, JSON.stringify(ended));
  }

  #sweepSometimes(nowMs: number): void {
    if (++this.#sinceSweep >= RETENTION.executions / 10) this.#sweep(nowMs);
  }

  list(limit: number, cursor: string | undefined, state: ExecutionState | undefined): Page<ExecutionSummary> {
    const rows = this.#sql
      .exec<Row>(
        `SELECT * FROM executions WHERE id < ? AND ${state === undefined ? "TRUE" : IN_STATE[state]} ORDER BY id DESC LIMIT ?`,
        cursor ?? "~",
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit).map(toSummary);
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.id } : { items };
  }

  async get(id: string): Promise<ExecutionRecord | undefined> {
    const row = this.#row(id);
    if (!row) return undefined;
    const input = this.#texts.get(`input:${id}`);
    const inputTypes = JSON.parse(row.input_types) as ValueTypes;
    return {
      ...toSummary(row),
      principal: JSON.parse(row.principal) as Principal,
      language: row.language,
      code: this.#texts.get(row.code_key) ?? "",
      ...(input === undefined ? {} : { input: JSON.parse(input) as unknown }),
      ...(Object.keys(inputTypes).length > 0 ? { inputEncoding: inputTypes } : {}),
      ...(await this.#ended(id)),
    };
  }

  /** True when it ran and was told to end; false when it had ended. Undefined when there is no such execution. */
  async cancel(id: string): Promise<boolean | undefined> {
    const running = this.#running.get(id);
    if (!running) return this.#row(id) ? false : undefined;
    await running.control.cancel();
    return true;
  }

  #row(id: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM executions WHERE id = ?", id).toArray()[0];
  }

  async #ended(id: string): Promise<Ended> {
    const text = this.#texts.get(`ended:${id}`);
    if (text !== undefined) return JSON.parse(text) as Ended;
    const logs: LogEntry[] = (await this.#running.get(id)?.control.logs()) ?? [];
    return { logs, calls: [] };
  }

  #answerByOnceKey({ once, startedMs }: BeginEntry): Admission | undefined {
    if (!once) return undefined;
    const [first] = this.#sql
      .exec<{ body_hash: string; execution_id: string; answered: number }>(
        "SELECT body_hash, execution_id, answered FROM idempotency WHERE key = ? AND expires_ms > ?",
        once.key,
        startedMs,
      )
      .toArray();
    if (!first) return undefined;
    if (first.body_hash !== once.bodyHash) throw idempotencyMismatch(once.key);
    const answer = first.answered ? this.#texts.get(`answer:${first.execution_id}`) : undefined;
    if (answer !== undefined) return { kind: "answer", answer, cacheHit: false };
    // Its first request ended with this object before it could answer: nobody knows what it did.
    if (!this.#running.has(first.execution_id)) {
      throw new DoError("CONFLICT", `Cannot answer for idempotency key "${once.key}": its first request was lost`, {
        reason: "FIRST_REQUEST_LOST",
      });
    }
    throw new DoError("CONFLICT", `Cannot run again for idempotency key "${once.key}": its first request still runs`, {
      reason: "FIRST_REQUEST_RUNNING",
      retryable: true,
      retryAfterMs: 1_000,
    });
  }

  async #answerByCacheKey({ cache, startedMs }: BeginEntry): Promise<Admission | undefined> {
    if (!cache) return undefined;
    for (;;) {
      const answer = this.#cached(cache.hash, startedMs);
      if (answer !== undefined) return { kind: "answer", answer, cacheHit: true };
      const first = this.#inFlight.get(cache.hash);
      if (!first || first.deadlineMs <= Date.now()) break;
      await Promise.race([first.ended, new Promise<void>((resolve) => void setTimeout(resolve, first.deadlineMs - Date.now()))]);
    }
    return undefined;
  }

  #enterFlight(hash: string, deadlineMs: number): void {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#inFlight.set(hash, { ended, resolve, deadlineMs });
  }

  #cached(hash: string, nowMs: number): string | undefined {
    const [hit] = this.#sql
      .exec<{ execution_id: string }>("SELECT execution_id FROM cache WHERE hash = ? AND expires_ms > ?", hash, nowMs)
      .toArray();
    return hit && this.#texts.get(`answer:${hit.execution_id}`);
  }

  /** An answer that a key may ask for again; of a cache key, only an `ok` one. */
  #keepAnswer({ once, cache }: BeginEntry, { id, answer, outcome, endedMs }: FinishEntry): void {
    if (answer !== undefined && (once || (cache && outcome === "ok"))) {
      this.#texts.put(`answer:${id}`, answer);
      if (once) this.#sql.exec("UPDATE idempotency SET answered = 1 WHERE execution_id = ?", id);
      if (cache && outcome === "ok") {
        this.#sql.exec("INSERT OR REPLACE INTO cache VALUES (?, ?, ?)", cache.hash, id, endedMs + cache.ttlSeconds * 1_000);
      }
    }
    this.#leaveFlight({ cache });
  }

  #leaveFlight({ cache }: Pick<BeginEntry, "cache">): void {
    if (!cache) return;
    this.#inFlight.get(cache.hash)?.resolve();
    this.#inFlight.delete(cache.hash);
  }

  /** Whose time is long over, and who never said how they ended, will not. */
  #forgetLost(nowMs: number): void {
    for (const [id, { control, begin }] of this.#running) {
      if (begin.deadlineMs > nowMs) continue;
      this.#running.delete(id);
      control[Symbol.dispose]();
      this.#sql.exec("UPDATE executions SET state = 'ended', outcome = 'lost', ended_ms = ? WHERE id = ? AND state = 'running'", nowMs, id);
    }
  }

  /** Deletes what is over its count or age, and the texts that nothing names any more. */
  #sweep(nowMs: number): void {
    this.#sinceSweep = 0;
    this.#forgetLost(nowMs);
    this.#sql.exec(
      `DELETE FROM executions WHERE state = 'ended' AND
         (started_ms < ? OR id NOT IN (SELECT id FROM executions ORDER BY id DESC LIMIT ?))`,
      nowMs - RETENTION.ms,
      RETENTION.executions,
    );
    this.#sql.exec("DELETE FROM idempotency WHERE expires_ms <= ?", nowMs);
    this.#sql.exec(
      "DELETE FROM cache WHERE expires_ms <= ? OR hash NOT IN (SELECT hash FROM cache ORDER BY expires_ms DESC LIMIT ?)",
      nowMs,
      MAX_CACHED_ANSWERS,
    );
    this.#sql.exec(
      `DELETE FROM texts WHERE key NOT IN (
         SELECT code_key FROM executions
         UNION SELECT 'input:' || id FROM executions
         UNION SELECT 'ended:' || id FROM executions
         UNION SELECT 'answer:' || execution_id FROM idempotency
         UNION SELECT 'answer:' || execution_id FROM cache)`,
    );
    this.#texts.forget();
  }
}

function toSummary(row: Row): ExecutionSummary {
  const principal = JSON.parse(row.principal) as Principal;
  return {
    id: row.id,
    state: row.state,
    ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
    ...(row.cause === null ? {} : { cause: row.cause }),
    principalId: principal.id,
    requestHash: row.request_hash,
    startedAt: new Date(row.started_ms).toISOString(),
    ...(row.ended_ms === null ? {} : { endedAt: new Date(row.ended_ms).toISOString() }),
    ...(row.outcome === null ? {} : { outcome: row.outcome }),
    ...(row.usage === null ? {} : { usage: JSON.parse(row.usage) as Usage }),
  };
}
