import { DoError } from "../../../../sdk/src/errors.ts";
import type { Caller } from "./caller.ts";
import type { Catalog, Collection } from "./catalog.ts";
import { mergePatch, toEntity, toJson, type Data, type Entity, type Row, type Stored } from "./entity.ts";
import type { Feed } from "./feed.ts";
import { isAlive } from "./reads.ts";
import { ruleFor, type RuledAction } from "./rules.ts";
import { addToSearch, removeFromSearch } from "./search.ts";

/** One change of one document. `ifVersion: 0` is: only when there is none. */
export type Mutation = { collection: string; id: string; ifVersion?: number | undefined } & (
  | { op: "insert"; data: Data; ttlSeconds?: number | undefined }
  | { op: "upsert"; data: Data; merge?: boolean | undefined; ttlSeconds?: number | undefined }
  | { op: "patch"; patch: Data; ttlSeconds?: number | undefined }
  | { op: "delete" }
);

export interface Written {
  /** Undefined: there was nothing to delete. */
  entity: Entity | undefined;
  created: boolean;
}

/** What changes documents. Everything is done in the transaction of the caller: document, search and feed, or none. */
export class Writes {
  readonly #sql: SqlStorage;
  readonly #catalog: Catalog;
  readonly #feed: Feed;
  /** When the next document expires, as far as this transaction knows. */
  nextExpiryMs = Number.POSITIVE_INFINITY;

  constructor(sql: SqlStorage, catalog: Catalog, feed: Feed) {
    this.#sql = sql;
    this.#catalog = catalog;
    this.#feed = feed;
  }

  /** @throws DoError CONFLICT, NOT_FOUND, PRECONDITION_FAILED, PERMISSION_DENIED, UNPROCESSABLE, TOO_LARGE */
  apply(mutation: Mutation, caller: Caller, nowMs: number): Written {
    const { collection: name, id, op } = mutation;
    const known = this.#catalog.find(name);
    const before = known && this.#alive(known, id, nowMs);
    if (op === "delete") return { entity: known && before && this.#delete(known, before, mutation, caller, nowMs), created: false };
    if (op === "patch" && !(known && before && this.#allows(known, "read", before, caller))) throw noDocument(name, id);
    const collection = known ?? this.#catalog.open(name, nowMs);
    if (before) this.#demand(collection, "update", before, caller);
    checkVersion(mutation, before?.version ?? 0);
    if (op === "insert" && before) throw new DoError("CONFLICT", `Cannot insert ${name}/${id}: there is one`, { reason: "EXISTS" });
    const row = this.#rowFor(mutation, collection, before, nowMs);
    this.#demand(collection, before ? "update" : "create", row, caller);
    this.#store(collection, row, before);
    this.#feed.append(name, before ? "update" : "insert", row);
    if (row.expires_ms !== null) this.nextExpiryMs = Math.min(this.nextExpiryMs, row.expires_ms);
    return { entity: toEntity(row), created: !before };
  }

  /** Documents whose time is over leave, with a change in the feed, at most `limit` of them. @returns how many */
  expire(collection: Collection, nowMs: number, limit: number): number {
    const rows = this.#sql
      .exec<Row>(`SELECT * FROM ${collection.table} WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?`, nowMs, limit)
      .toArray();
    for (const row of rows) this.#remove(collection, row, nowMs);
    return rows.length;
  }

  /** The row as a restore has it: nothing of it is new. */
  put(collection: Collection, row: Stored): void {
    const before = this.#row(collection, row.id);
    this.#store(collection, row, before);
    this.#feed.append(collection.name, before ? "update" : "insert", row);
    if (row.expires_ms !== null) this.nextExpiryMs = Math.min(this.nextExpiryMs, row.expires_ms);
  }

  take(collection: Collection, id: string, nowMs: number): void {
    const row = this.#row(collection, id);
    if (row) this.#remove(collection, row, nowMs);
  }

  #delete(collection: Collection, before: Row, mutation: Mutation, caller: Caller, nowMs: number): Entity | undefined {
    if (!this.#allows(collection, "read", before, caller)) return undefined;
    this.#demand(collection, "delete", before, caller);
    checkVersion(mutation, before.version);
    this.#remove(collection, before, nowMs);
    return toEntity(before);
  }

  #remove(collection: Collection, row: Row, nowMs: number): void {
    this.#sql.exec(`DELETE FROM ${collection.table} WHERE seq = ?`, row.seq);
    removeFromSearch(this.#sql, collection, row.seq);
    this.#feed.append(collection.name, "delete", { ...row, updated_ms: nowMs });
  }

  #rowFor(mutation: Exclude<Mutation, { op: "delete" }>, collection: Collection, before: Row | undefined, nowMs: number): Row {
    const data = dataOf(mutation, before);
    const json = toJson(data);
    collection.checkSchema(JSON.parse(json) as Data);
    const ttlSeconds = mutation.ttlSeconds ?? (before ? undefined : collection.definition.ttlSeconds);
    const expires_ms = ttlSeconds === undefined ? (before?.expires_ms ?? null) : nowMs + ttlSeconds * 1_000;
    return {
      seq: before?.seq ?? 0,
      id: mutation.id,
      version: (before?.version ?? 0) + 1,
      created_ms: before?.created_ms ?? nowMs,
      updated_ms: nowMs,
      expires_ms,
      data: json,
    };
  }

  #store(collection: Collection, { id, version, created_ms, updated_ms, expires_ms, data }: Stored, before: Row | undefined): void {
    const { table, definition } = collection;
    try {
      const seq = before
        ? (this.#sql.exec(
            `UPDATE ${table} SET version = ?, created_ms = ?, updated_ms = ?, expires_ms = ?, data = ? WHERE seq = ?`,
            version,
            created_ms,
            updated_ms,
            expires_ms,
            data,
            before.seq,
          ),
          before.seq)
        : this.#sql
            .exec<{ seq: number }>(
              `INSERT INTO ${table} (id, version, created_ms, updated_ms, expires_ms, data) VALUES (?, ?, ?, ?, ?, ?) RETURNING seq`,
              id,
              version,
              created_ms,
              updated_ms,
              expires_ms,
              data,
            )
            .one().seq;
      if (definition.search) {
        if (before) removeFromSearch(this.#sql, collection, seq);
        addToSearch(this.#sql, collection, seq, JSON.parse(data) as Data);
      }
    } catch (error) {
      throw asConflict(error, collection, id);
    }
  }

  #row({ table }: Collection, id: string): Row | undefined {
    return this.#sql.exec<Row>(`SELECT * FROM ${table} WHERE id = ?`, id).toArray()[0];
  }

  /** The document, when it is there. Those of its collection that have expired leave first: they hold ids and unique values. */
  #alive(collection: Collection, id: string, nowMs: number): Row | undefined {
    const row = this.#row(collection, id);
    if (row && isAlive(row, nowMs)) {
      if (collection.definition.unique) this.#expireAll(collection, nowMs);
      return row;
    }
    this.#expireAll(collection, nowMs);
    return undefined;
  }

  #expireAll(collection: Collection, nowMs: number): void {
    while (this.expire(collection, nowMs, 1_000) > 0);
  }

  #allows({ definition }: Collection, action: RuledAction, row: Row, caller: Caller): boolean {
    const rule = ruleFor(definition, action, caller);
    if (rule.text === "1") return true;
    const [found] = this.#sql
      .exec(
        `SELECT 1 FROM (SELECT ? AS id, ? AS version, ? AS created_ms, ? AS updated_ms, ? AS data) d WHERE ${rule.text}`,
        row.id,
        row.version,
        row.created_ms,
        row.updated_ms,
        row.data,
        ...rule.params,
      )
      .toArray();
    return found !== undefined;
  }

  #demand(collection: Collection, action: RuledAction, row: Row, caller: Caller): void {
    if (this.#allows(collection, action, row, caller)) return;
    throw new DoError("PERMISSION_DENIED", `Cannot ${action} ${collection.name}/${row.id}: no rule of the collection lets this principal`, {
      reason: "ROW_RULE",
    });
  }
}

function dataOf(mutation: Exclude<Mutation, { op: "delete" }>, before: Row | undefined): Data {
  const stored = () => (before ? (JSON.parse(before.data) as Data) : {});
  if (mutation.op === "patch") return mergePatch(stored(), mutation.patch) as Data;
  return mutation.op === "upsert" && mutation.merge ? (mergePatch(stored(), mutation.data) as Data) : mutation.data;
}

function checkVersion({ collection, id, ifVersion }: Mutation, is: number): void {
  if (ifVersion === undefined || ifVersion === is) return;
  throw new DoError("PRECONDITION_FAILED", `Cannot write ${collection}/${id}: its version must be ${ifVersion}, got ${is}`, {
    reason: "VERSION_MISMATCH",
    details: { version: is },
  });
}

function noDocument(collection: string, id: string): DoError {
  return new DoError("NOT_FOUND", `There is no document ${collection}/${id}`, { reason: "NO_DOCUMENT" });
}

/** What SQLite refuses of a document is a unique field; anything else is a defect. */
function asConflict(error: unknown, { name, definition, table }: Collection, id: string): unknown {
  const [, index] = /UNIQUE constraint failed: index '(\w+)'/.exec(error instanceof Error ? error.message : "") ?? [];
  const fields = definition.unique?.find((_, i) => index === `${table}_unique_${i}`);
  if (!fields) return error;
  return new DoError("CONFLICT", `Cannot write ${name}/${id}: another document has the same ${fields.join(", ")}`, {
    reason: "UNIQUE",
    details: { fields },
  });
}
