import { DoError } from "../../../../sdk/src/errors.ts";
import { DB_LIMITS } from "../limits.ts";
import { sizeOf, toBound, toCell, type SqlValue } from "./cells.ts";
import { effectsOf } from "./effects.ts";
import { checkStatement, type Statement } from "./statement.ts";

export type Mode = "ro" | "rw";

export interface Query {
  sql: string;
  params: SqlValue[];
}

export interface QueryResult {
  columns: string[];
  rows: Record<string, SqlValue>[];
  meta: {
    rowsRead: number;
    rowsWritten: number;
    /** Rows that the statement inserted, changed or deleted, and the number of the last inserted one; when they were asked for. */
    changes?: number;
    lastRowId?: number;
    durationMs: number;
    /** Rows were left out: there were more than `maxRows`. */
    truncated: boolean;
  };
}

export interface RunOptions {
  /** Rows beyond are left out. */
  maxRows?: number | undefined;
  /** Tell what changed: one more statement for each that writes. */
  counts: boolean;
  /** What is left for results; statements of one call share it. */
  budget: { bytes: number };
}

const MAX_CHECKED = 500;

/** Statements of the tenant's, one at a time. What was checked once is not read again. */
export class Runner {
  readonly #sql: SqlStorage;
  readonly #checked = new Map<string, Statement>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  check(sql: string): Statement {
    const known = this.#checked.get(sql);
    if (known) return known;
    const statement = checkStatement(sql);
    if (this.#checked.size >= MAX_CHECKED) this.#checked.clear();
    this.#checked.set(sql, statement);
    return statement;
  }

  /** @throws DoError INVALID_ARGUMENT (READ_ONLY) for a statement whose program opens a transaction for writing */
  demandReadOnly(statement: Statement, params: readonly SqlValue[]): void {
    const { writes, tablesWritten } = this.effects(statement, params);
    if (!writes) return;
    const what = tablesWritten.length > 0 ? ` ${tablesWritten.join(", ")}` : "";
    throw new DoError("INVALID_ARGUMENT", `Cannot run SQL: in mode "ro" a statement must only read, and this one writes${what}`, {
      reason: "READ_ONLY",
    });
  }

  effects(statement: Statement, params: readonly SqlValue[]): ReturnType<typeof effectsOf> {
    const bound = params.map(toBound);
    return asSqlError(() => effectsOf(this.#sql, statement, bound));
  }

  plan(statement: Statement, params: readonly SqlValue[]): string[] {
    if (statement.isExplain) return [];
    const bound = params.map(toBound);
    return asSqlError(() => this.#sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement.sql}`, ...bound).toArray()).map(
      ({ detail }) => detail,
    );
  }

  /** Runs a checked statement to its end. In a transaction of the caller's, who rolls back what answers an error. */
  run({ sql }: Statement, params: readonly SqlValue[], { maxRows, counts, budget }: RunOptions): QueryResult {
    const bound = params.map(toBound);
    const startedMs = Date.now();
    return asSqlError(() => {
      const cursor = this.#sql.exec(sql, ...bound);
      const columns = cursor.columnNames;
      const rows: Record<string, SqlValue>[] = [];
      let truncated = false;
      let failure: DoError | undefined;
      // To its end whatever happens: a statement that has not ended locks its tables, and no transaction rolls back under it.
      for (const cells of cursor.raw()) {
        if (failure) continue;
        if (rows.length === maxRows) {
          truncated = true;
          continue;
        }
        budget.bytes -= sizeOf(cells);
        if (rows.length === DB_LIMITS.rows) failure = tooLarge(`${DB_LIMITS.rows} rows`);
        else if (budget.bytes < 0) failure = tooLarge(`${DB_LIMITS.resultBytes} bytes`);
        else {
          const row = toRow(columns, cells);
          if (row instanceof DoError) failure = row;
          else rows.push(row);
        }
      }
      if (failure) throw failure;
      const { rowsRead, rowsWritten } = cursor;
      const meta = { rowsRead, rowsWritten, durationMs: Date.now() - startedMs, truncated };
      return { columns, rows, meta: counts ? { ...meta, ...(rowsWritten === 0 ? NOTHING_CHANGED : this.#changed()) } : meta };
    });
  }

  #changed(): { changes: number; lastRowId: number } {
    return this.#sql.exec<{ changes: number; lastRowId: number }>("SELECT changes() AS changes, last_insert_rowid() AS lastRowId").one();
  }
}

const NOTHING_CHANGED = { changes: 0, lastRowId: 0 } as const;

export function resultBudget(): { bytes: number } {
  return { bytes: DB_LIMITS.resultBytes };
}

function tooLarge(most: string): DoError {
  return new DoError("TOO_LARGE", `Cannot run SQL: a result may have at most ${most}; add a LIMIT`);
}

/** Columns by name; of two with one name the last counts. `__proto__` is a name like any other. An error is an answer. */
function toRow(columns: readonly string[], cells: readonly SqlStorageValue[]): Record<string, SqlValue> | DoError {
  const row: Record<string, SqlValue> = {};
  for (let i = 0; i < columns.length; i++) {
    const name = columns[i] ?? "";
    const value = toCell(name, cells[i] ?? null);
    if (value instanceof DoError) return value;
    if (name === "__proto__") Object.defineProperty(row, name, { value, enumerable: true });
    else row[name] = value;
  }
  return row;
}

/** What SQLite refuses is the statement's fault, and said in SQLite's words. */
export function asSqlError<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof DoError) throw error;
    const message = error instanceof Error ? error.message : "refused";
    if (/constraint failed/.test(message)) throw new DoError("CONFLICT", `Cannot run SQL: ${message}`, { reason: "CONSTRAINT" });
    throw new DoError("INVALID_ARGUMENT", `Cannot run SQL: ${message}`, { reason: "SQL_ERROR" });
  }
}
