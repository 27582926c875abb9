import { DoError } from "../../../../sdk/src/errors.ts";
import { FEED_LIMITS } from "../limits.ts";
import type { Stored } from "./entity.ts";
import { decodeCursor, encodeCursor } from "./order.ts";
import type { Fragment } from "./sql.ts";

export type ChangeKind = "insert" | "update" | "delete";

export interface ChangeRow extends Record<string, SqlStorageValue> {
  seq: number;
  op: ChangeKind;
  id: string;
  version: number;
  created_ms: number;
  updated_ms: number;
  data: string;
}

const CREATE = `
  CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, op TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, data TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS feed (only INTEGER PRIMARY KEY CHECK (only = 1), epoch TEXT NOT NULL) STRICT`;

const TRIM_EVERY = 256;

/**
 * Every change of every document, in order, written in the transaction of the write itself. A change holds the whole
 * document, so that what a caller may see of it is decided by what it was.
 */
export class Feed {
  readonly #sql: SqlStorage;
  /** In each cursor: one of another database is refused, and not taken for a place in this one. */
  readonly epoch: string;
  #untilTrim = 0;
  /** Counted once, then kept up; a write that was rolled back stays counted until the next start. */
  #bytes: number | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(CREATE);
    sql.exec("INSERT OR IGNORE INTO feed VALUES (1, ?)", crypto.randomUUID());
    this.epoch = sql.exec<{ epoch: string }>("SELECT epoch FROM feed").one().epoch;
  }

  append(collection: string, op: ChangeKind, { id, version, created_ms, updated_ms, data }: Omit<Stored, "expires_ms">): void {
    this.#sql.exec(
      "INSERT INTO changes (collection, op, id, version, created_ms, updated_ms, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
      collection,
      op,
      id,
      version,
      created_ms,
      updated_ms,
      data,
    );
    if (this.#bytes !== undefined) this.#bytes += data.length;
    if (this.#untilTrim-- <= 0) this.#trim(updated_ms);
  }

  /** All documents of a collection that goes. */
  appendDrop(collection: string, table: string, nowMs: number): void {
    this.#sql.exec(
      `INSERT INTO changes (collection, op, id, version, created_ms, updated_ms, data)
       SELECT ?, 'delete', id, version, created_ms, ?, data FROM ${table} ORDER BY seq`,
      collection,
      nowMs,
    );
    this.#bytes = undefined;
  }

  /** Call it when the transaction has ended. */
  wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Settles with the next write, or after `ms`. */
  async waited(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }

  get newest(): number {
    const [row] = this.#sql.exec<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").toArray();
    return row?.seq ?? 0;
  }

  /** Changes of a collection after `since` and up to `until`, as rows `d`. */
  read(collection: string, since: number, until: number, visible: Fragment, limit: number): SqlStorageCursor<ChangeRow> {
    return this.#sql.exec<ChangeRow>(
      `SELECT d.seq, d.op, d.id, d.version, d.created_ms, d.updated_ms, d.data FROM changes d
       WHERE d.collection = ? AND d.seq > ? AND d.seq <= ? AND ${visible.text} ORDER BY d.seq LIMIT ?`,
      collection,
      since,
      until,
      ...visible.params,
      limit,
    );
  }

  /** Of all collections, for a backup. */
  readAll(since: number, limit: number): SqlStorageCursor<ChangeRow & { collection: string }> {
    return this.#sql.exec<ChangeRow & { collection: string }>("SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?", since, limit);
  }

  cursorAt(seq: number): string {
    return encodeCursor(this.epoch, [seq]);
  }

  /** @throws DoError INVALID_ARGUMENT for a cursor of another database, PRECONDITION_FAILED when what follows it is gone */
  seqOf(cursor: string): number {
    const [seq] = decodeCursor(this.epoch, cursor, 1);
    if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 0 || seq > this.newest) throw unknownCursor();
    this.checkKept(seq);
    return seq;
  }

  /** @throws DoError PRECONDITION_FAILED when changes after `seq` are no longer kept */
  checkKept(seq: number): void {
    if (seq >= this.oldest - 1) return;
    throw new DoError(
      "PRECONDITION_FAILED",
      "Cannot go on from the cursor: changes after it are no longer kept; read the collection anew",
      {
        reason: "CURSOR_EXPIRED",
      },
    );
  }

  get oldest(): number {
    const [row] = this.#sql.exec<{ seq: number | null }>("SELECT min(seq) AS seq FROM changes").toArray();
    return row?.seq ?? this.newest + 1;
  }

  #trim(nowMs: number): void {
    this.#untilTrim = TRIM_EVERY;
    this.#bytes ??= this.#sql.exec<{ bytes: number }>("SELECT coalesce(sum(length(data)), 0) AS bytes FROM changes").one().bytes;
    while (this.#isOver(nowMs, this.#bytes)) {
      const gone = this.#sql.exec<{ bytes: number }>(
        "DELETE FROM changes WHERE seq IN (SELECT seq FROM changes ORDER BY seq LIMIT ?) RETURNING length(data) AS bytes",
        TRIM_EVERY,
      );
      for (const row of gone) this.#bytes -= row.bytes;
    }
  }

  #isOver(nowMs: number, bytes: number): boolean {
    const [oldest] = this.#sql
      .exec<{ seq: number; updated_ms: number }>("SELECT seq, updated_ms FROM changes ORDER BY seq LIMIT 1")
      .toArray();
    if (!oldest) return false;
    return bytes > FEED_LIMITS.bytes || oldest.seq <= this.newest - FEED_LIMITS.changes || oldest.updated_ms < nowMs - FEED_LIMITS.ms;
  }
}

function unknownCursor(): DoError {
  return new DoError("INVALID_ARGUMENT", "Cannot use the cursor: it is not of this database", { reason: "BAD_CURSOR" });
}
