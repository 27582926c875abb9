import { sha256 } from "../shared/hash.ts";
import { newId } from "../shared/ids.ts";
import type { Implementation } from "../shared/method.ts";
import { onceKey } from "../shared/once.ts";
import type { Call } from "./database.ts";
import type { Caller } from "./documents/caller.ts";
import type { Mutation } from "./documents/writes.ts";
import { DB_LIMITS } from "./limits.ts";
import type { dbDefinition } from "./schema.ts";
import { packStatements, unpackResults } from "./sql/packed.ts";
import { backupOf, restoreFrom } from "./streams/backup.ts";
import { exportOf } from "./streams/export.ts";
import { importFrom } from "./streams/import.ts";
import { streamOf } from "./streams/lines.ts";
import { watched } from "./streams/watch.ts";
import type { TenantDatabase } from "./tenant.ts";

const DEFAULT_LIST_ITEMS = 100;

/** What a principal may call, on the databases of the tenant that `database` is. */
export function dbService(database: TenantDatabase, caller: Caller, nowMs: () => number): Implementation<typeof dbDefinition> {
  const call = (): Call => ({ caller, nowMs: nowMs() });
  /** @param body what makes two requests the same; of two principals: the answer to one may be nothing that the other may see */
  const keyed = async (key: string | undefined, method: string, body: unknown): Promise<Call> => ({
    ...call(),
    once: onceKey(key, method, body, caller.id),
  });

  const write = async (mutation: Mutation, key: string | undefined) =>
    database.documents.write(mutation, await keyed(key, mutation.op, mutation));

  return {
    get: (collection, id, options) => database.documents.get(collection, id, options?.fields, call()),
    getMany: (collection, ids, options) => database.documents.getMany(collection, ids, options?.fields, call()),
    list: (collection, options = {}) =>
      database.documents.list(collection, { ...options, limit: options.limit ?? DEFAULT_LIST_ITEMS }, call()),
    count: async (collection, where) => ({ count: await database.documents.count(collection, where, call()) }),
    aggregate: (collection, options) =>
      database.documents.aggregate(collection, { ...options, limit: options.limit ?? DEFAULT_LIST_ITEMS }, call()),
    insert: async (collection, data, { id, ttlSeconds, idempotencyKey } = {}) => {
      const context = await keyed(idempotencyKey, "insert", [collection, id, data, ttlSeconds]);
      const { entity } = await database.documents.write(
        { op: "insert", collection, id: id ?? newId("doc", context.nowMs), data, ttlSeconds },
        context,
      );
      return written(entity);
    },
    upsert: async (collection, id, data, { idempotencyKey, ...options } = {}) => {
      const { entity, created } = await write({ op: "upsert", collection, id, data, ...options }, idempotencyKey);
      return { entity: written(entity), created };
    },
    patch: async (collection, id, patch, { idempotencyKey, ...options } = {}) =>
      written((await write({ op: "patch", collection, id, patch, ...options }, idempotencyKey)).entity),
    patchMany: async (collection, where, patch, { limit = DB_LIMITS.listItems, idempotencyKey } = {}) => {
      const context = await keyed(idempotencyKey, "patchMany", [collection, where, patch, limit]);
      return { patched: await database.documents.writeMany(collection, where, { patch }, limit, context) };
    },
    delete: async (collection, id, { idempotencyKey, ...options } = {}) => ({
      deleted: (await write({ op: "delete", collection, id, ...options }, idempotencyKey)).entity !== undefined,
    }),
    deleteMany: async (collection, where, { limit = DB_LIMITS.listItems, idempotencyKey } = {}) => {
      const context = await keyed(idempotencyKey, "deleteMany", [collection, where, limit]);
      return { deleted: await database.documents.writeMany(collection, where, "delete", limit, context) };
    },
    atomic: async ({ checks = [], mutations, idempotencyKey }) => ({
      entities: await database.documents.atomic(checks, mutations, await keyed(idempotencyKey, "atomic", [checks, mutations])),
    }),
    query: async (sql, params = [], { mode = "rw", maxRows, timeoutMs, idempotencyKey } = {}) => {
      const once = onceKey(idempotencyKey, "query", [sql, params, mode, maxRows], caller.id);
      return database.tables.query({ sql, params, mode, maxRows, timeoutMs, nowMs: nowMs(), once });
    },
    batch: async (statements, { timeoutMs, counts = false, idempotencyKey } = {}) => {
      const once = onceKey(idempotencyKey, "batch", [statements, counts], caller.id);
      const packed = packStatements(statements);
      return unpackResults(await database.tables.batch({ statements: packed, counts, timeoutMs, nowMs: nowMs(), once }));
    },
    explain: (sql, params = []) => database.tables.explain({ sql, params }),
    migrate: async (migrations) =>
      database.tables.migrate(await Promise.all(migrations.map(async ({ id, sql }) => ({ id, sql, checksum: sha256(sql) }))), nowMs()),
    search: (collection, query, options = {}) =>
      database.documents.search(collection, query, { ...options, limit: options.limit ?? DEFAULT_LIST_ITEMS }, call()),
    defineCollection: (collection, definition) => database.documents.define(collection, definition, call()),
    describe: (collection) => database.documents.describe(collection),
    listCollections: async () => ({ items: await database.documents.collections() }),
    dropCollection: async (collection) => ({ dropped: await database.documents.drop(collection, call()) }),
    changes: (collection, { limit = DEFAULT_LIST_ITEMS, waitMs = 0, ...options } = {}) =>
      database.documents.changes(collection, { ...options, limit, waitMs }, call()),
    watch: async (collection, options = {}) => {
      const { since = "now", ...filter } = options;
      // What is wrong with the arguments shows now, not in the stream.
      const first = await database.documents.changes(collection, { ...filter, since, limit: 1, waitMs: 0 }, call());
      const from = since === "now" ? first.cursor : since;
      return streamOf(
        watched(
          (at, waitMs) => database.documents.changes(collection, { ...filter, since: at, limit: DEFAULT_LIST_ITEMS, waitMs }, call()),
          from,
        ),
      );
    },
    export: async (options = {}) => streamOf(exportOf(database, options, nowMs())),
    import: (stream, options = {}) => importFrom(stream, options, database.documents, call()),
    backup: async () => streamOf(backupOf(database, nowMs())),
    restore: (stream) => restoreFrom(stream, database, call()),
    stats: async () => {
      const [ofDocuments, ofTables] = await Promise.all([database.documents.stats(), database.tables.stats()]);
      return { documents: ofDocuments, sql: ofTables };
    },
  };
}

/** A write that was not refused has written. */
function written<T>(entity: T | undefined): T {
  if (entity === undefined) throw new Error("A write answered without its document");
  return entity;
}
