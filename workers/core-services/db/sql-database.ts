import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import { isAutomatic, type OnceKey } from "../shared/once.ts";
import { dumpOf, undump, type SqlLine } from "./sql/dump.ts";
import { packResults, unpackStatements, type PackedResults, type PackedStatements } from "./sql/packed.ts";
import { onceKept } from "./sql/keep.ts";
import { asSqlError, resultBudget, Runner, type Mode, type Query, type QueryResult } from "./sql/run.ts";
import { linesOfPieces } from "./streams/lines.ts";
import { splitStatements } from "./sql/statement.ts";

export interface QueryCall extends Query {
  mode: Mode;
  maxRows?: number | undefined;
  /** For whoever can end a statement: the host, which ends the process that this object lives in. */
  timeoutMs?: number | undefined;
  nowMs: number;
  once?: OnceKey | undefined;
}

export interface BatchCall {
  statements: PackedStatements;
  counts: boolean;
  timeoutMs?: number | undefined;
  nowMs: number;
  once?: OnceKey | undefined;
}

export interface Migration {
  id: string;
  sql: string;
  checksum: string;
}

interface Applied {
  id: string;
  checksum: string;
  appliedMs: number;
}

export interface Explanation {
  plan: string[];
  readOnly: boolean;
  tablesRead: string[];
  tablesWritten: string[];
}

const DUMP_PAGE_CHARACTERS = 1024 * 1024;
const DUMP_KEPT_MS = 60_000;

/**
 * One tenant's own tables, and nothing of ours: what we must remember is in the runtime's key-value store, which no SQL
 * reaches. A statement that never ends stops this object, and not the tenant's documents.
 */
export class SqlDatabase extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #runner: Runner;
  #dump: { id: string; lines: string[]; until: ReturnType<typeof setTimeout> } | undefined;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#runner = new Runner(this.#sql);
  }

  /** Rolls back whole when it answers an error, so that a refused result leaves nothing half done. */
  query({ sql, params, mode, maxRows, nowMs, once }: QueryCall): QueryResult {
    const statement = this.#runner.check(sql);
    const options = { maxRows, counts: true, budget: resultBudget() };
    if (mode === "ro") {
      this.#runner.demandReadOnly(statement, params);
      return this.#undone(() => this.#runner.run(statement, params, options));
    }
    // Nothing to roll back; and a transaction would make its answer wait for the disk.
    if (statement.isSelect && (!once || isAutomatic(once))) return this.#runner.run(statement, params, options);
    return this.#transaction(once, nowMs, () => this.#runner.run(statement, params, options));
  }

  /** All statements, or none of them. @throws DoError with `details.statement`, which of them it was, from 0 */
  batch({ statements, counts, nowMs, once }: BatchCall): PackedResults {
    const checked = unpackStatements(statements).map(({ sql, params }, i) => ({ params, statement: at(i, () => this.#runner.check(sql)) }));
    const options = { counts, budget: resultBudget() };
    return this.#transaction(once, nowMs, () =>
      packResults(checked.map(({ statement, params }, i) => at(i, () => this.#runner.run(statement, params, options)))),
    );
  }

  explain({ sql, params }: Query): Explanation {
    const statement = this.#runner.check(sql);
    const { writes, tablesRead, tablesWritten } = this.#runner.effects(statement, params);
    return { plan: this.#runner.plan(statement, params), readOnly: !writes, tablesRead, tablesWritten };
  }

  /** Those that are new, in order, all or none. @throws DoError UNPROCESSABLE for one that changed or comes too early */
  migrate(migrations: Migration[], nowMs: number): { applied: string[]; skipped: string[] } {
    return this.#transaction(undefined, nowMs, () => {
      const { kv } = this.ctx.storage;
      const done = kv.get<Applied[]>("migrations") ?? [];
      const isDone = migrations.map(({ id, checksum }) => isApplied(done, id, checksum));
      const firstNew = isDone.indexOf(false);
      const early = firstNew === -1 ? -1 : isDone.indexOf(true, firstNew);
      if (early !== -1) {
        throw unprocessable(
          `${migrations[firstNew]?.id ?? ""} is new and stands before ${migrations[early]?.id ?? ""}, which is applied`,
          "OUT_OF_ORDER",
        );
      }
      const pending = migrations.filter((_, i) => !isDone[i]);
      for (const { id, sql } of pending) this.#apply(id, sql);
      kv.put("migrations", [...done, ...pending.map(({ id, checksum }): Applied => ({ id, checksum, appliedMs: nowMs }))]);
      return { applied: pending.map(({ id }) => id), skipped: migrations.filter((_, i) => isDone[i]).map(({ id }) => id) };
    });
  }

  stats(): { tables: number; bytes: number; migrations: number } {
    const { n } = this.#sql
      .exec<{ n: number }>(
        "SELECT count(*) AS n FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
      )
      .one();
    return { tables: n, bytes: this.#sql.databaseSize, migrations: this.ctx.storage.kv.get<Applied[]>("migrations")?.length ?? 0 };
  }

  /** Takes a dump of this moment and holds it for dumpPage(). One at a time: a second takes the place of the first. */
  dumpStart(): { id: string; migrations: unknown[] } {
    this.#forgetDump();
    const id = crypto.randomUUID();
    this.#dump = { id, lines: dumpOf(this.#sql), until: setTimeout(() => this.#forgetDump(), DUMP_KEPT_MS) };
    return { id, migrations: this.ctx.storage.kv.get<Applied[]>("migrations") ?? [] };
  }

  /** @throws DoError CONFLICT when the dump is gone */
  dumpPage(id: string, from: number): { lines: string[]; next?: number } {
    const dump = this.#dump;
    if (dump?.id !== id)
      throw new DoError("CONFLICT", "Cannot go on with the dump: another has begun, or it took too long", { reason: "DUMP_GONE" });
    let size = 0;
    let end = from;
    while (end < dump.lines.length && size < DUMP_PAGE_CHARACTERS) size += dump.lines[end++]?.length ?? 0;
    const lines = dump.lines.slice(from, end);
    if (end < dump.lines.length) return { lines, next: end };
    this.#forgetDump();
    return { lines };
  }

  stage(run: string, n: number, text: string): void {
    const { kv } = this.ctx.storage;
    if (n === 0) for (const [name] of kv.list({ prefix: "staged/" })) kv.delete(name);
    kv.put(`staged/${run}/${String(n).padStart(8, "0")}`, text);
  }

  /** Everything that is there goes, everything that was staged comes; or nothing changes. */
  restore(run: string, pieces: number, migrations: Applied[]): { tables: number; rows: number } {
    const { kv } = this.ctx.storage;
    // Sent again, because its answer was lost: what was staged is gone, and has come.
    const last = kv.get<{ run: string; answer: { tables: number; rows: number } }>("restored");
    if (last?.run === run) return last.answer;
    let answer = { tables: 0, rows: 0 };
    this.ctx.storage.transactionSync(() => {
      let rows = 0;
      const staged = [...kv.list<string>({ prefix: `staged/${run}/` })];
      if (staged.length !== pieces)
        throw new DoError("CONFLICT", "Cannot restore: another restore has begun meanwhile", { reason: "RESTORE_REPLACED" });
      this.#sql.exec("PRAGMA defer_foreign_keys = ON");
      this.#dropAll();
      for (const json of linesOfPieces(staged.map(([, text]) => text))) {
        const line = JSON.parse(json) as SqlLine;
        if (line.type === "sql") this.#runner.check(line.sql);
        asSqlError(() => undump(this.#sql, line));
        if (line.type === "row") rows++;
      }
      for (const [name] of staged) kv.delete(name);
      kv.put("migrations", migrations);
      answer = { tables: this.stats().tables, rows };
      kv.put("restored", { run, answer });
    });
    return answer;
  }

  #dropAll(): void {
    // Shadow tables go with their virtual table, indexes and triggers with their table.
    const made = this.#sql
      .exec<{ type: string; name: string }>(
        `SELECT s.type, s.name FROM sqlite_schema s JOIN pragma_table_list l ON l.name = s.name AND l.schema = 'main'
         WHERE l.type IN ('table', 'virtual', 'view') AND s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND s.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY s.type DESC`,
      )
      .toArray();
    for (const { type, name } of made) asSqlError(() => this.#sql.exec(`DROP ${type} "${name.replaceAll('"', '""')}"`));
  }

  #apply(id: string, script: string): void {
    try {
      for (const sql of splitStatements(script))
        this.#runner.run(this.#runner.check(sql), [], { maxRows: 0, counts: false, budget: resultBudget() });
    } catch (error) {
      throw error instanceof DoError
        ? new DoError(error.code, `Cannot apply the migration ${id}: ${error.message}`, {
            reason: error.reason,
            details: { migration: id },
          })
        : error;
    }
  }

  #transaction<T>(once: OnceKey | undefined, nowMs: number, run: () => T): T {
    // A deferred foreign key shows only when the transaction ends.
    return asSqlError(() => this.ctx.storage.transactionSync(() => onceKept(this.ctx.storage.kv, once, nowMs, run)));
  }

  /** What only reads is rolled back all the same: then it has changed nothing, whatever we made of it. */
  #undone<T>(run: () => T): T {
    let answer: { value: T } | undefined;
    try {
      this.ctx.storage.transactionSync(() => {
        answer = { value: run() };
        throw UNDO;
      });
    } catch (error) {
      if (error !== UNDO) throw error;
    }
    if (!answer) throw new DoError("INTERNAL", "A statement ended without an answer");
    return answer.value;
  }

  #forgetDump(): void {
    if (this.#dump) clearTimeout(this.#dump.until);
    this.#dump = undefined;
  }
}

const UNDO = new Error("undo");

function isApplied(done: readonly Applied[], id: string, checksum: string): boolean {
  const before = done.find((applied) => applied.id === id);
  if (!before) return false;
  if (before.checksum !== checksum) throw unprocessable(`${id} is applied, and its SQL has changed since`, "CHECKSUM");
  return true;
}

function unprocessable(problem: string, reason: string): DoError {
  return new DoError("UNPROCESSABLE", `Cannot migrate: ${problem}`, { reason });
}

function at<T>(statement: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof DoError)) throw error;
    const { code, message, reason } = error;
    throw new DoError(code, `${message} (statement ${statement})`, { reason, details: { statement } });
  }
}
