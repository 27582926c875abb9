import { DoError } from "../../../sdk/src/errors.ts";
import { encodeValue, type EncodedValue } from "../../../sdk/src/values.ts";
import { byteLength } from "../shared/hash.ts";
import { once, type OnceKey } from "../shared/once.ts";
import { RecallingObject } from "../shared/recall.ts";
import { DB_LIMITS, type Entity, type SqlValue } from "./schema.ts";
import { checkStatement } from "./statement.ts";

interface Row extends Record<string, SqlStorageValue> {
  id: string;
  version: number;
  created_ms: number;
  updated_ms: number;
  data: string;
}

interface Write {
  collection: string;
  id: string;
  ifVersion: number | undefined;
  nowMs: number;
  once: OnceKey | undefined;
}
export type Delete = Write;
export type Upsert = Write & { data: Record<string, unknown> };

export interface ListPage {
  items: Entity[];
  cursor?: string;
}

export interface QueryResult {
  columns: string[];
  rows: Record<string, SqlValue>[];
  meta: { rowsRead: number; rowsWritten: number; durationMs: number };
}

const CREATE_DOCUMENTS = `
  CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) WITHOUT ROWID, STRICT`;

/** One tenant's database. No other tenant has a name that leads here, so there is nothing to filter and nothing to forge. */
export class Database extends RecallingObject {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
  }

  get(collection: string, id: string): Entity | null {
    return this.#documents(() => {
      const row = this.#row(collection, id);
      return row ? toEntity(row) : null;
    });
  }

  list(collection: string, limit: number, after: string): ListPage {
    const rows = this.#documents(() =>
      this.#sql
        .exec<Row>("SELECT * FROM documents WHERE collection = ? AND id > ? ORDER BY id LIMIT ?", collection, after, limit + 1)
        .toArray(),
    );
    const items = firstThatFit(rows.slice(0, limit)).map(toEntity);
    const last = items.at(-1);
    return rows.length > items.length && last ? { items, cursor: last.id } : { items };
  }

  upsert(write: Upsert): { entity: Entity; created: boolean } {
    return this.#once(write, () => {
      const { collection, id, nowMs } = write;
      const before = this.#row(collection, id);
      checkVersion(collection, id, before?.version ?? 0, write.ifVersion);
      const row: Row = {
        id,
        version: (before?.version ?? 0) + 1,
        created_ms: before?.created_ms ?? nowMs,
        updated_ms: nowMs,
        data: toJson(write.data),
      };
      this.#sql.exec(
        `INSERT INTO documents (collection, id, version, created_ms, updated_ms, data) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET version = excluded.version, updated_ms = excluded.updated_ms, data = excluded.data`,
        collection,
        id,
        row.version,
        row.created_ms,
        row.updated_ms,
        row.data,
      );
      return { entity: toEntity(row), created: !before };
    });
  }

  delete(write: Delete): { deleted: boolean } {
    return this.#once(write, () => {
      const { collection, id } = write;
      const before = this.#row(collection, id);
      if (!before) return { deleted: false };
      checkVersion(collection, id, before.version, write.ifVersion);
      this.#sql.exec("DELETE FROM documents WHERE collection = ? AND id = ?", collection, id);
      return { deleted: true };
    });
  }

  /** Rolls back whole when it answers an error, so that a refused result leaves nothing half done. */
  query(sql: string, params: readonly SqlValue[]): QueryResult {
    checkStatement(sql);
    const bound = params.map(toBound);
    const startedMs = Date.now();
    try {
      return this.ctx.storage.transactionSync(() => {
        const cursor = this.#sql.exec(sql, ...bound);
        const rows: Record<string, SqlStorageValue>[] = [];
        let size = 0;
        let over: string | undefined;
        // To its end also when it is too much: a transaction cannot roll back under a statement that still runs.
        for (const row of cursor) {
          size += sizeOf(row);
          if (rows.length === DB_LIMITS.rows) over ??= `${DB_LIMITS.rows} rows`;
          else if (size > DB_LIMITS.resultBytes) over ??= `${DB_LIMITS.resultBytes} bytes`;
          else rows.push(row);
        }
        if (over) throw new DoError("TOO_LARGE", `Cannot run SQL: a result may have at most ${over}; add a LIMIT`);
        return {
          columns: cursor.columnNames,
          rows: rows.map(toRow),
          meta: { rowsRead: cursor.rowsRead, rowsWritten: cursor.rowsWritten, durationMs: Date.now() - startedMs },
        };
      });
    } catch (error) {
      if (error instanceof DoError) throw error;
      throw new DoError("INVALID_ARGUMENT", `Cannot run SQL: ${error instanceof Error ? error.message : "refused"}`, {
        reason: "SQL_ERROR",
      });
    }
  }

  #once<T>({ once: key, nowMs }: Write, write: () => T): T {
    return this.#documents(() => once(this.#sql, key, nowMs, write));
  }

  /** The table is the tenant's, whose SQL may have dropped it (then it is empty) or made it another (then it is none of ours). */
  #documents<T>(run: () => T): T {
    try {
      this.#sql.exec(CREATE_DOCUMENTS);
      return run();
    } catch (error) {
      if (error instanceof DoError) throw error;
      const why = error instanceof Error ? error.message : "refused";
      throw new DoError("CONFLICT", `Cannot use documents: SQL has changed their table (${why})`, { reason: "DOCUMENTS_CHANGED" });
    }
  }

  #row(collection: string, id: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM documents WHERE collection = ? AND id = ?", collection, id).toArray()[0];
  }
}

/** A page ends early where its documents would be more than an answer carries; never before the first. */
function firstThatFit(rows: readonly Row[]): Row[] {
  let size = 0;
  const end = rows.findIndex((row, i) => (size += sizeOf(row)) > DB_LIMITS.resultBytes && i > 0);
  return end === -1 ? [...rows] : rows.slice(0, end);
}

/** About the bytes of a row, three for a character at most. */
function sizeOf(row: Record<string, SqlStorageValue>): number {
  return Object.values(row).reduce<number>(
    (sum, cell) => sum + (typeof cell === "string" ? cell.length : cell instanceof ArrayBuffer ? cell.byteLength : 8),
    0,
  );
}

function toEntity(row: Row): Entity {
  return {
    id: row.id,
    version: row.version,
    createdAt: new Date(row.created_ms).toISOString(),
    updatedAt: new Date(row.updated_ms).toISOString(),
    data: JSON.parse(row.data) as Record<string, unknown>,
  };
}

function toJson(data: Record<string, unknown>): string {
  const { value, types } = encode(data);
  const lost = Object.entries(types).find(([, type]) => type !== "undefined");
  if (lost) throw new DoError("INVALID_ARGUMENT", `Cannot write the document: data${lost[0]} is a ${lost[1]}, and a document is JSON`);
  const json = JSON.stringify(Object.keys(types).length > 0 ? data : value);
  const bytes = byteLength(json);
  if (bytes > DB_LIMITS.documentBytes) {
    throw new DoError("TOO_LARGE", `Cannot write the document: it must be at most ${DB_LIMITS.documentBytes} bytes, got ${bytes}`);
  }
  return json;
}

function encode(data: Record<string, unknown>): EncodedValue {
  try {
    return encodeValue(data, "data");
  } catch (error) {
    throw new DoError("INVALID_ARGUMENT", `Cannot write the document: ${error instanceof Error ? error.message : "it is not JSON"}`);
  }
}

function checkVersion(collection: string, id: string, is: number, wanted: number | undefined): void {
  if (wanted === undefined || wanted === is) return;
  throw new DoError("PRECONDITION_FAILED", `Cannot write ${collection}/${id}: its version must be ${wanted}, got ${is}`, {
    reason: "VERSION_MISMATCH",
    details: { version: is },
  });
}

function toBound(value: SqlValue): SqlStorageValue {
  if (typeof value === "bigint") {
    // The storage API binds doubles: a larger integer would be rounded without a word.
    throw new DoError("INVALID_ARGUMENT", "Cannot run SQL: integers must be within 2^53; bind larger ones as text and CAST them", {
      reason: "UNSAFE_INTEGER",
    });
  }
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new DoError("INVALID_ARGUMENT", `Cannot run SQL: ${value} is not a safe integer`, { reason: "UNSAFE_INTEGER" });
  }
  return value instanceof Uint8Array ? new Uint8Array(value).buffer : value;
}

function toRow(row: Record<string, SqlStorageValue>): Record<string, SqlValue> {
  return Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, toCell(name, cell)]));
}

function toCell(name: string, cell: SqlStorageValue): SqlValue {
  if (typeof cell === "number" && Number.isInteger(cell) && !Number.isSafeInteger(cell)) {
    throw new DoError(
      "INVALID_ARGUMENT",
      `Cannot read column "${name}": ${cell} is beyond 2^53 and was rounded; select CAST(... AS TEXT)`,
      {
        reason: "UNSAFE_INTEGER",
      },
    );
  }
  return cell instanceof ArrayBuffer ? new Uint8Array(cell) : cell;
}
