/**
 * The types of the db service as its callers see them. Kept by hand so that they read well and need no schema library;
 * tests/unit/sdk-types.test.ts holds them to the definition of the service.
 */

/** One bound value or cell. Integers beyond 2^53 come as bigint, never rounded. */
export type SqlValue = null | string | number | bigint | Uint8Array<ArrayBuffer>;

/** What a document holds: plain JSON. */
export type Data = Record<string, unknown>;

/** A stored document. */
export interface Entity<T = Data> {
  id: string;
  /** Counts the writes of this document, from 1. */
  version: number;
  createdAt: string;
  updatedAt: string;
  data: T;
}

export interface EntityPage<T = Data> {
  items: Entity<T>[];
  /** Of the next page; absent on the last. */
  cursor?: string | undefined;
  /** With `count`: how many there are in all. */
  total?: number | undefined;
}

/**
 * Conditions by field: `{ age: { gte: 18 }, "city.name": "London", $or: [{ a: 1 }, { b: 2 }] }`. Operators: eq ne gt gte lt
 * lte in nin exists has contains startsWith endsWith like ilike; `$and`, `$or`, `$not`. The document's own fields are
 * `$id`, `$version`, `$createdAt`, `$updatedAt`.
 */
export type Where = Record<string, unknown>;

export interface GetOptions {
  /** Of the data, only what is at these paths. */
  fields?: string[] | undefined;
}

export interface ListOptions extends GetOptions {
  where?: Where | undefined;
  /** `["name", "-$createdAt"]`; a minus is descending. */
  orderBy?: string[] | undefined;
  /** 1 to 1,000; default 100. */
  limit?: number | undefined;
  /** Of the page before, with the same filter and order. */
  cursor?: string | undefined;
  offset?: number | undefined;
  count?: boolean | undefined;
}

export type Metric = "count" | { sum: string } | { avg: string } | { min: string } | { max: string } | { countDistinct: string };

export interface AggregateOptions {
  where?: Where | undefined;
  groupBy?: string[] | undefined;
  metrics: Record<string, Metric>;
  limit?: number | undefined;
}

export interface Group {
  key: Record<string, unknown>;
  metrics: Record<string, string | number | null>;
}

export interface InsertOptions {
  id?: string | undefined;
  /** The document leaves by itself after this time. */
  ttlSeconds?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface UpsertOptions {
  /** Write only when the stored version is this one; 0: only when there is none. */
  ifVersion?: number | undefined;
  /** Merge into the stored document (RFC 7396) instead of replacing it. */
  merge?: boolean | undefined;
  ttlSeconds?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface PatchOptions {
  ifVersion?: number | undefined;
  ttlSeconds?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface DeleteOptions {
  ifVersion?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface ManyOptions {
  /** 1 to 1,000; default 1,000. */
  limit?: number | undefined;
  idempotencyKey?: string | undefined;
}

export type Mutation =
  | { op: "insert"; collection: string; id: string; ifVersion?: number | undefined; data: Data; ttlSeconds?: number | undefined }
  | {
      op: "upsert";
      collection: string;
      id: string;
      ifVersion?: number | undefined;
      data: Data;
      merge?: boolean | undefined;
      ttlSeconds?: number | undefined;
    }
  | { op: "patch"; collection: string; id: string; ifVersion?: number | undefined; patch: Data; ttlSeconds?: number | undefined }
  | { op: "delete"; collection: string; id: string; ifVersion?: number | undefined };

export interface AtomicRequest {
  /** The version that each must have; 0: there must be none. */
  checks?: { collection: string; id: string; version: number }[] | undefined;
  mutations: Mutation[];
  idempotencyKey?: string | undefined;
}

export interface QueryOptions {
  /** Default "rw"; "ro" refuses a statement that writes. */
  mode?: "ro" | "rw" | undefined;
  /** Rows beyond are left out, and `meta.truncated` says so. */
  maxRows?: number | undefined;
  timeoutMs?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface BatchOptions {
  /** Answer `changes` and `lastRowId` of each statement. */
  counts?: boolean | undefined;
  timeoutMs?: number | undefined;
  idempotencyKey?: string | undefined;
}

export interface QueryResult {
  columns: string[];
  rows: Record<string, SqlValue>[];
  meta: {
    rowsRead: number;
    rowsWritten: number;
    /** Of query(), and of batch() with `counts`. */
    changes?: number | undefined;
    lastRowId?: number | undefined;
    durationMs: number;
    truncated: boolean;
  };
}

export interface SearchOptions extends GetOptions {
  where?: Where | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
  /** Of the searched fields, those to look in. */
  in?: string[] | undefined;
  /** The last word is a beginning. */
  prefix?: boolean | undefined;
  /** Finds misspelled words too, when the collection declares it. */
  fuzzy?: boolean | undefined;
  /** true: HTML with <mark>; or what to put around each match, in the text as it is. */
  highlight?: boolean | { before: string; after: string } | undefined;
}

export interface Hit<T = Data> extends Entity<T> {
  score: number;
  highlights?: Record<string, string> | undefined;
}

/** Lets a principal when all that it names is so; in `where`, "$principal.id" stands for who calls. */
export interface Rule {
  where?: Where | undefined;
  kinds?: string[] | undefined;
  scopes?: string[] | undefined;
}

export interface Definition {
  /** JSON Schema 2020-12 of the data. */
  schema?: Record<string, unknown> | undefined;
  indexes?: string[][] | undefined;
  unique?: string[][] | undefined;
  search?: { fields: string[]; tokenizer?: "unicode" | "porter" | "trigram" | undefined; fuzzy?: boolean | undefined } | undefined;
  ttlSeconds?: number | undefined;
  rules?: { read?: Rule[] | undefined; create?: Rule[] | undefined; update?: Rule[] | undefined; delete?: Rule[] | undefined } | undefined;
}

export interface CollectionInfo {
  name: string;
  createdAt: string;
  documents: number;
  definition: Definition;
}

export interface WatchOptions {
  /** A cursor, or "now"; absent: now for watch(), the oldest change that is kept for changes(). */
  since?: string | undefined;
  where?: Where | undefined;
  id?: string | undefined;
}

export interface ChangesOptions extends WatchOptions {
  limit?: number | undefined;
  /** How long to wait for a change when there is none. */
  waitMs?: number | undefined;
}

export interface Change<T = Data> {
  op: "insert" | "update" | "delete";
  collection: string;
  id: string;
  version: number;
  at: string;
  /** The document after the change; absent when it was deleted. */
  data?: T | undefined;
  /** Of what comes after this change. */
  cursor: string;
}

export interface ExportOptions {
  collections?: string[] | undefined;
  /** "sql": the tables of SQL instead of the collections. */
  format?: "ndjson" | "sql" | undefined;
}

export interface ImportOptions {
  /** What a document that exists does: refuse, be replaced (default), stay. */
  mode?: "insert" | "upsert" | "skip" | undefined;
  /** Each line is the data of one document of this collection. */
  collection?: string | undefined;
  /** With `collection`: where the id stands; default "id". */
  idField?: string | undefined;
}

export type Bytes = ReadableStream<Uint8Array>;

/** A database of the tenant's own: documents, SQL, search and changes. */
export interface DbMethods {
  /** One document, or null. */
  get(collection: string, id: string, options?: GetOptions): Promise<Entity | null>;
  /** Documents by their ids, in that order; null for what is not there. */
  getMany(collection: string, ids: string[], options?: GetOptions): Promise<(Entity | null)[]>;
  /** Documents of a collection, filtered and ordered; by id when nothing else is asked for. */
  list(collection: string, options?: ListOptions): Promise<EntityPage>;
  /** How many documents a filter finds. */
  count(collection: string, where?: Where): Promise<{ count: number }>;
  /** Counts, sums, averages and extremes of documents, in groups. */
  aggregate(collection: string, options: AggregateOptions): Promise<Group[]>;
  /** Writes a new document, under an id of its own when none is given. */
  insert(collection: string, data: Data, options?: InsertOptions): Promise<Entity>;
  /** Writes a whole document, new or not. */
  upsert(collection: string, id: string, data: Data, options?: UpsertOptions): Promise<{ entity: Entity; created: boolean }>;
  /** Changes parts of a document: a JSON merge patch (RFC 7396). */
  patch(collection: string, id: string, patch: Data, options?: PatchOptions): Promise<Entity>;
  /** Patches the documents that a filter finds, by id, at most 1,000. */
  patchMany(collection: string, where: Where, patch: Data, options?: ManyOptions): Promise<{ patched: number }>;
  /** Deletes a document; false when there was none. */
  delete(collection: string, id: string, options?: DeleteOptions): Promise<{ deleted: boolean }>;
  /** Deletes the documents that a filter finds, by id, at most 1,000. */
  deleteMany(collection: string, where: Where, options?: ManyOptions): Promise<{ deleted: number }>;
  /** All changes, when all checks hold; else nothing. */
  atomic(request: AtomicRequest): Promise<{ entities: (Entity | null)[] }>;
  /** One SQL statement with bound parameters, on the tenant's own tables. */
  query(sql: string, params?: SqlValue[], options?: QueryOptions): Promise<QueryResult>;
  /** SQL statements in one transaction: all or none. */
  batch(statements: { sql: string; params?: SqlValue[] | undefined }[], options?: BatchOptions): Promise<QueryResult[]>;
  /** What an SQL statement would read and write, and how; it is not run. */
  explain(sql: string, params?: SqlValue[]): Promise<{ plan: string[]; readOnly: boolean; tablesRead: string[]; tablesWritten: string[] }>;
  /** Applies those migrations of the tenant's tables that are new, in order, in one transaction. */
  migrate(migrations: { id: string; sql: string }[]): Promise<{ applied: string[]; skipped: string[] }>;
  /** Full text search over the fields that the collection declares, the best first. */
  search(collection: string, query: string, options?: SearchOptions): Promise<{ hits: Hit[]; cursor?: string | undefined }>;
  /** Says what a collection demands and offers: schema, indexes, unique fields, search, time to live, rules. */
  defineCollection(collection: string, definition: Definition): Promise<CollectionInfo>;
  /** A collection's definition and size, or null. */
  describe(collection: string): Promise<CollectionInfo | null>;
  /** The collections that there are, by name. */
  listCollections(): Promise<{ items: { name: string; createdAt: string }[] }>;
  /** Deletes a collection with its documents and definition; false when there was none. */
  dropCollection(collection: string): Promise<{ dropped: boolean }>;
  /** Changes of a collection since a cursor, in order; may wait for one. */
  changes(collection: string, options?: ChangesOptions): Promise<{ items: Change[]; cursor: string }>;
  /** Changes of a collection as they happen: a stream of NDJSON. */
  watch(collection: string, options?: WatchOptions): Promise<Bytes>;
  /** Documents as a stream of NDJSON, or the tables of SQL as SQL. */
  export(options?: ExportOptions): Promise<Bytes>;
  /** Writes documents from a stream of NDJSON. */
  import(stream: Bytes, options?: ImportOptions): Promise<{ documents: number; skipped: number }>;
  /** Everything of the tenant's database as a stream. */
  backup(): Promise<Bytes>;
  /** Puts a backup in the place of everything that is there. */
  restore(stream: Bytes): Promise<{ collections: number; documents: number; tables: number; rows: number }>;
  /** How much there is. */
  stats(): Promise<{
    documents: { collections: number; documents: number; changes: number; bytes: number };
    sql: { tables: number; migrations: number; bytes: number };
  }>;
}

/** What has its shape from T: a document whose type the code knows. */
type Patch<T> = { [K in keyof T]?: T[K] | null };

/** The methods of one collection, with the type of its documents. The type is the code's word; a schema is what is checked. */
export interface Collection<T extends object = Data> {
  get(id: string, options?: GetOptions): Promise<Entity<T> | null>;
  getMany(ids: string[], options?: GetOptions): Promise<(Entity<T> | null)[]>;
  list(options?: ListOptions): Promise<EntityPage<T>>;
  count(where?: Where): Promise<{ count: number }>;
  aggregate(options: AggregateOptions): Promise<Group[]>;
  insert(data: T, options?: InsertOptions): Promise<Entity<T>>;
  upsert(id: string, data: T, options?: UpsertOptions): Promise<{ entity: Entity<T>; created: boolean }>;
  patch(id: string, patch: Patch<T>, options?: PatchOptions): Promise<Entity<T>>;
  patchMany(where: Where, patch: Patch<T>, options?: ManyOptions): Promise<{ patched: number }>;
  delete(id: string, options?: DeleteOptions): Promise<{ deleted: boolean }>;
  deleteMany(where: Where, options?: ManyOptions): Promise<{ deleted: number }>;
  search(query: string, options?: SearchOptions): Promise<{ hits: Hit<T>[]; cursor?: string | undefined }>;
  defineCollection(definition: Definition): Promise<CollectionInfo>;
  describe(): Promise<CollectionInfo | null>;
  dropCollection(): Promise<{ dropped: boolean }>;
  changes(options?: ChangesOptions): Promise<{ items: Change<T>[]; cursor: string }>;
  watch(options?: WatchOptions): Promise<Bytes>;
}

/** A database of the tenant's own: documents, SQL, search and changes. */
export interface DbService extends DbMethods {
  /** The methods of one collection: `db.collection<User>("users").get("ada")`. */
  collection<T extends object = Data>(name: string): Collection<T>;
}
