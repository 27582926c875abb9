import { DoError } from "../../../../sdk/src/errors.ts";
import type { Catalog, Collection } from "./catalog.ts";
import { redefine } from "./define.ts";
import type { Definition } from "./definition.ts";
import type { Data, Row } from "./entity.ts";
import type { Feed } from "./feed.ts";
import { linesOfPieces } from "../streams/lines.ts";
import { dropSearch } from "./search.ts";
import type { Writes } from "./writes.ts";

/** A line of an export or a backup. */
export type Line =
  | { type: "collection"; name: string; definition: Definition }
  | {
      type: "document";
      collection: string;
      id: string;
      version: number;
      createdAt: string;
      updatedAt: string;
      expiresAt?: string;
      data: Data;
    }
  | { type: "deleted"; collection: string; id: string };

/** Of the lines of one page; what is read in one go is what one page holds. */
const PAGE_CHARACTERS = 1024 * 1024;

/** Few, because each may be a megabyte; all of them are read, because a statement that has not ended locks its tables. */
const ROWS_AT_ONCE = 50;

export interface CopyPage {
  /** NDJSON. */
  text: string;
  documents: number;
  /** Where the next page begins; absent on the last. */
  next?: number;
}

/** What is there, in lines, a page at a time; and what a restore puts in its place. */
export class Copies {
  readonly #sql: SqlStorage;
  readonly #catalog: Catalog;
  readonly #feed: Feed;
  readonly #writes: Writes;

  constructor(sql: SqlStorage, catalog: Catalog, feed: Feed, writes: Writes) {
    this.#sql = sql;
    this.#catalog = catalog;
    this.#feed = feed;
    this.#writes = writes;
    sql.exec("CREATE TABLE IF NOT EXISTS staged (run TEXT NOT NULL, n INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (run, n)) STRICT");
  }

  documents(name: string, after: number): CopyPage {
    const collection = this.#catalog.find(name);
    if (!collection) return { text: "", documents: 0 };
    return pageOf(after, (seq) =>
      this.#sql
        .exec<Row>(`SELECT * FROM ${collection.table} WHERE seq > ? ORDER BY seq LIMIT ?`, seq, ROWS_AT_ONCE)
        .toArray()
        .map((row) => ({ seq: row.seq, line: toLine(name, row) })),
    );
  }

  /**
   * What changed since a place in the feed: it makes of pages that were read one after the other the state at one moment.
   * @throws DoError PRECONDITION_FAILED when more changed meanwhile than the feed keeps
   */
  changes(since: number): CopyPage {
    this.#feed.checkKept(since);
    return pageOf(since, (from) =>
      this.#feed
        .readAll(from, ROWS_AT_ONCE)
        .toArray()
        .map(({ seq, collection, op, id }) => ({
          seq,
          line: this.#current(collection, op === "delete" ? undefined : id) ?? { type: "deleted", collection, id },
        })),
    );
  }

  /** After the last change, and in the same breath: nothing can come between. */
  definitions(): CopyPage {
    const lines = this.#catalog.all().map(({ name, definition }): Line => ({ type: "collection", name, definition }));
    return { text: lines.map((line) => `${JSON.stringify(line)}\n`).join(""), documents: 0 };
  }

  /** As it is now: a later change of the same document comes again. */
  #current(name: string, id: string | undefined): Line | undefined {
    const collection = this.#catalog.find(name);
    if (!collection || id === undefined) return undefined;
    const [row] = this.#sql.exec<Row>(`SELECT * FROM ${collection.table} WHERE id = ?`, id).toArray();
    return row && toLine(name, row);
  }

  /** Keeps a piece of a backup until it is there as a whole. The first piece forgets what an earlier restore left. */
  stage(run: string, n: number, text: string): void {
    if (n === 0) this.#sql.exec("DELETE FROM staged");
    this.#sql.exec("INSERT OR REPLACE INTO staged VALUES (?, ?, ?)", run, n, text);
  }

  /** Everything that is there goes, everything that was staged comes. In the transaction of the caller. */
  restore(run: string, pieces: number, nowMs: number): { collections: number; documents: number } {
    const [{ n } = { n: 0 }] = this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM staged WHERE run = ?", run).toArray();
    if (n !== pieces) throw new DoError("CONFLICT", "Cannot restore: another restore has begun meanwhile", { reason: "RESTORE_REPLACED" });
    for (const collection of this.#catalog.all()) dropCollection(this.#sql, this.#catalog, this.#feed, collection, nowMs);
    // Last, because pages that were read one after the other may hold one unique value twice before the changes are in.
    const definitions = new Map<string, Definition>();
    const staged = this.#sql.exec<{ text: string }>("SELECT text FROM staged WHERE run = ? ORDER BY n", run);
    for (const line of linesOfPieces(texts(staged))) this.#put(JSON.parse(line) as Line, definitions, nowMs);
    for (const [name, definition] of definitions) redefine(this.#sql, this.#catalog, name, definition, nowMs);
    // A collection that was dropped while the backup was taken has documents in its first pages, and no definition at its end.
    for (const collection of this.#catalog.all().filter(({ name }) => !definitions.has(name))) {
      dropCollection(this.#sql, this.#catalog, this.#feed, collection, nowMs);
    }
    this.#sql.exec("DELETE FROM staged");
    const collections = this.#catalog.all();
    const documents = collections.reduce(
      (sum, { table }) => sum + this.#sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n,
      0,
    );
    return { collections: collections.length, documents };
  }

  #put(line: Line, definitions: Map<string, Definition>, nowMs: number): void {
    if (line.type === "collection") {
      definitions.set(line.name, line.definition);
      return;
    }
    const collection = this.#catalog.open(line.collection, nowMs);
    if (line.type === "deleted") {
      this.#writes.take(collection, line.id, nowMs);
      return;
    }
    this.#writes.put(collection, {
      id: line.id,
      version: line.version,
      created_ms: Date.parse(line.createdAt),
      updated_ms: Date.parse(line.updatedAt),
      expires_ms: line.expiresAt === undefined ? null : Date.parse(line.expiresAt),
      data: JSON.stringify(line.data),
    });
  }
}

function pageOf(from: number, read: (seq: number) => { seq: number; line: Line }[]): CopyPage {
  const lines: string[] = [];
  let size = 0;
  let next = from;
  for (;;) {
    const rows = read(next);
    for (const { seq, line } of rows) {
      const text = `${JSON.stringify(line)}\n`;
      lines.push(text);
      size += text.length;
      next = seq;
      if (size >= PAGE_CHARACTERS) return { text: lines.join(""), documents: lines.length, next };
    }
    if (rows.length < ROWS_AT_ONCE) return { text: lines.join(""), documents: lines.length };
  }
}

function* texts(rows: Iterable<{ text: string }>): Generator<string> {
  for (const { text } of rows) yield text;
}

export function dropCollection(sql: SqlStorage, catalog: Catalog, feed: Feed, collection: Collection, nowMs: number): void {
  feed.appendDrop(collection.name, collection.table, nowMs);
  dropSearch(sql, collection);
  catalog.drop(collection);
}

function toLine(collection: string, { id, version, created_ms, updated_ms, expires_ms, data }: Row): Line {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    type: "document",
    collection,
    id,
    version,
    createdAt: time(created_ms),
    updatedAt: time(updated_ms),
    ...(expires_ms === null ? {} : { expiresAt: time(expires_ms) }),
    data: JSON.parse(data) as Data,
  };
}
