/**
 * The types of the db service as its callers see them. Kept by hand so that they read well and need no schema library;
 * tests/unit/sdk-types.test.ts holds them to the definition of the service.
 */

/** One bound value or cell. Integers beyond 2^53 come as bigint, never rounded. */
export type SqlValue = null | string | number | bigint | Uint8Array<ArrayBuffer>;

/** A stored document. */
export interface Entity {
  id: string;
  /** Counts the writes of this document, from 1. */
  version: number;
  createdAt: string;
  updatedAt: string;
  data: Record<string, unknown>;
}

export interface EntityPage {
  items: Entity[];
  /** Of the next page; absent on the last. */
  cursor?: string | undefined;
}

export interface ListOptions {
  /** 1 to 1,000; default 100. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface UpsertOptions {
  /** Write only when the stored version is this one; 0: only when there is none. */
  ifVersion?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface DeleteOptions {
  ifVersion?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface QueryResult {
  columns: string[];
  rows: Record<string, SqlValue>[];
  meta: { rowsRead: number; rowsWritten: number; durationMs: number };
}

/** A database of the tenant's own: documents and SQL. */
export interface DbService {
  /** One document, or null. */
  get(collection: string, id: string): Promise<Entity | null>;
  /** The documents of a collection, by id. */
  list(collection: string, options?: ListOptions): Promise<EntityPage>;
  /** Writes a whole document, new or not. */
  upsert(
    collection: string,
    id: string,
    data: Record<string, unknown>,
    options?: UpsertOptions,
  ): Promise<{ entity: Entity; created: boolean }>;
  /** Deletes a document; false when there was none. */
  delete(collection: string, id: string, options?: DeleteOptions): Promise<{ deleted: boolean }>;
  /** One SQL statement with bound parameters, in the tenant's own database. */
  query(sql: string, params?: SqlValue[]): Promise<QueryResult>;
}
