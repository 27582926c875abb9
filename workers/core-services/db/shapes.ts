import * as z from "zod";
import { COLLECTION_LIMITS, DB_LIMITS, FEED_LIMITS, FILTER_LIMITS, SEARCH_LIMITS } from "./limits.ts";

/** What db's methods accept and answer, in parts. `schema.ts` makes methods of them. */

type SqlCell = null | string | number | bigint | Uint8Array<ArrayBuffer>;

const SQL_CELL = "must be null, a string, a number, a bigint or bytes";

function isSqlCell(value: unknown): value is SqlCell {
  return value === null || ["string", "number", "bigint"].includes(typeof value) || value instanceof Uint8Array;
}

/** One check instead of a union's five: a batch has thousands of values. */
export const SqlValue = z.custom<SqlCell>(isSqlCell, SQL_CELL);

export const CollectionName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, "must be 1 to 64 letters, digits, _ or -, and start with a letter or _")
  .meta({ description: "The name of a collection", example: "users" });

export const Id = z
  .string()
  .min(1, "must not be empty")
  .max(256, "must be at most 256 characters")
  .refine((id) => id.isWellFormed() && !/\p{Cc}/u.test(id), "must hold no control characters and no half of a character")
  .meta({ description: "The id of a document in its collection" });

/** Kept as it came: a record of zod's leaves out `__proto__`, which is a name like any other in a document. */
const plainObject = () =>
  z.custom<Record<string, unknown>>((value) => typeof value === "object" && value !== null && !Array.isArray(value), "must be an object");

export const Data = plainObject().meta({ type: "object", description: "A plain JSON object" });
export const Where = plainObject().meta({
  type: "object",
  description: "Conditions by field: { age: { gte: 18 }, $or: [...] }; the operators are in docs/db.md",
  example: { age: { gte: 18 } },
});
const Path = z.string().min(1).max(FILTER_LIMITS.pathCharacters);
const Paths = z.array(Path).max(100);
export const IdempotencyKey = z.string().min(1).max(255);
const Ttl = z
  .int()
  .min(1)
  .max(10 * 365 * 24 * 60 * 60)
  .meta({ description: "Seconds after which the document leaves by itself" });
const Cursor = z.string().max(65_536);
const Limit = z.int().min(1).max(DB_LIMITS.listItems).meta({ description: "Default 100" });
const IfVersion = z.int().min(0).meta({ description: "Write only when the stored version is this one; 0: only when there is none" });

export const Entity = z.object({ id: z.string(), version: z.int(), createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(), data: Data });

export const GetOptions = z.strictObject({ fields: Paths.optional() });

export const ListOptions = z.strictObject({
  where: Where.optional(),
  orderBy: z
    .array(
      z
        .string()
        .min(1)
        .max(FILTER_LIMITS.pathCharacters + 1),
    )
    .max(FILTER_LIMITS.orderFields)
    .optional(),
  fields: Paths.optional(),
  limit: Limit.optional(),
  cursor: Cursor.optional(),
  offset: z.int().min(0).max(1_000_000).optional(),
  count: z.boolean().optional(),
});

export const EntityPage = z.object({ items: z.array(Entity), cursor: z.string().optional(), total: z.int().optional() });

const Metric = z.union([
  z.literal("count"),
  z.strictObject({ sum: Path }),
  z.strictObject({ avg: Path }),
  z.strictObject({ min: Path }),
  z.strictObject({ max: Path }),
  z.strictObject({ countDistinct: Path }),
]);

export const AggregateOptions = z.strictObject({
  where: Where.optional(),
  groupBy: z.array(Path).max(FILTER_LIMITS.groupFields).optional(),
  metrics: z
    .record(z.string().min(1).max(64), Metric)
    .refine((metrics) => Object.keys(metrics).length <= FILTER_LIMITS.metrics, `may have at most ${FILTER_LIMITS.metrics} metrics`)
    .refine((metrics) => Object.keys(metrics).length > 0, "must name at least one metric"),
  limit: Limit.optional(),
});

export const Group = z.object({
  key: z.record(z.string(), z.unknown()),
  metrics: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

export const InsertOptions = z.strictObject({ id: Id.optional(), ttlSeconds: Ttl.optional(), idempotencyKey: IdempotencyKey.optional() });

export const UpsertOptions = z.strictObject({
  ifVersion: IfVersion.optional(),
  merge: z.boolean().optional().meta({ description: "Merge into the stored document (RFC 7396) instead of replacing it" }),
  ttlSeconds: Ttl.optional(),
  idempotencyKey: IdempotencyKey.optional(),
});

export const PatchOptions = z.strictObject({
  ifVersion: z.int().min(1).optional(),
  ttlSeconds: Ttl.optional(),
  idempotencyKey: IdempotencyKey.optional(),
});

export const DeleteOptions = z.strictObject({ ifVersion: z.int().min(1).optional(), idempotencyKey: IdempotencyKey.optional() });

export const ManyOptions = z.strictObject({ limit: Limit.optional(), idempotencyKey: IdempotencyKey.optional() });

const target = { collection: CollectionName, id: Id, ifVersion: IfVersion.optional() };

export const Mutation = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("insert"), ...target, data: Data, ttlSeconds: Ttl.optional() }),
  z.strictObject({ op: z.literal("upsert"), ...target, data: Data, merge: z.boolean().optional(), ttlSeconds: Ttl.optional() }),
  z.strictObject({ op: z.literal("patch"), ...target, patch: Data, ttlSeconds: Ttl.optional() }),
  z.strictObject({ op: z.literal("delete"), ...target }),
]);

export const AtomicRequest = z.strictObject({
  checks: z
    .array(z.strictObject({ collection: CollectionName, id: Id, version: z.int().min(0) }))
    .max(DB_LIMITS.mutations)
    .optional(),
  mutations: z.array(Mutation).max(DB_LIMITS.mutations),
  idempotencyKey: IdempotencyKey.optional(),
});

const Sql = z.string().min(1, "must not be empty").meta({ example: "SELECT 1 AS one" });
export const Params = z.array(SqlValue).max(DB_LIMITS.boundParameters);
export const SqlText = Sql;

const Timeout = z.int().min(1).max(DB_LIMITS.timeoutMs);

export const QueryOptions = z.strictObject({
  mode: z
    .enum(["ro", "rw"])
    .optional()
    .meta({ description: 'Default "rw"; "ro" refuses a statement that writes, and needs only the scope db:read' }),
  maxRows: z.int().min(0).max(DB_LIMITS.rows).optional(),
  timeoutMs: Timeout.optional(),
  idempotencyKey: IdempotencyKey.optional(),
});

export const BatchOptions = z.strictObject({
  timeoutMs: Timeout.optional(),
  counts: z
    .boolean()
    .optional()
    .meta({ description: "Answer `changes` and `lastRowId` of each statement; it costs one more question each" }),
  idempotencyKey: IdempotencyKey.optional(),
});

export const QueryResult = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.record(z.string(), SqlValue)),
  meta: z.object({
    rowsRead: z.int(),
    rowsWritten: z.int(),
    changes: z.int().optional(),
    lastRowId: z.int().optional(),
    durationMs: z.number(),
    truncated: z.boolean(),
  }),
});

/** Checked by hand: of a thousand statements zod makes a thousand objects. */
export const Statements = z
  .custom<{ sql: string; params?: SqlCell[] | undefined }[]>()
  .superRefine((value, context) => {
    const problem = problemOfStatements(value);
    if (problem) context.addIssue({ code: "custom", path: problem.path, message: problem.message });
  })
  .meta({
    type: "array",
    minItems: 1,
    maxItems: DB_LIMITS.batchStatements,
    items: {
      type: "object",
      properties: { sql: { type: "string" }, params: { type: "array", maxItems: DB_LIMITS.boundParameters } },
      required: ["sql"],
    },
  });

function problemOfStatements(value: unknown): { path: (string | number)[]; message: string } | undefined {
  if (!Array.isArray(value)) return { path: [], message: "must be a list" };
  if (value.length === 0 || value.length > DB_LIMITS.batchStatements)
    return { path: [], message: `must have 1 to ${DB_LIMITS.batchStatements} statements` };
  for (let i = 0; i < value.length; i++) {
    const statement: unknown = value[i];
    if (typeof statement !== "object" || statement === null) return { path: [i], message: "must be { sql, params? }" };
    const { sql, params, ...rest } = statement as { sql?: unknown; params?: unknown };
    if (typeof sql !== "string" || sql === "") return { path: [i, "sql"], message: "must be a string, and not empty" };
    const [other] = Object.keys(rest);
    if (other !== undefined) return { path: [i], message: `has no "${other.slice(0, 64)}"` };
    if (params === undefined) continue;
    if (!Array.isArray(params) || params.length > DB_LIMITS.boundParameters) {
      return { path: [i, "params"], message: `must be a list of at most ${DB_LIMITS.boundParameters}` };
    }
    const bad = params.findIndex((param) => !isSqlCell(param));
    if (bad !== -1) return { path: [i, "params", bad], message: SQL_CELL };
  }
  return undefined;
}

export const Migrations = z
  .array(z.strictObject({ id: z.string().min(1).max(128), sql: z.string().min(1).max(1_000_000) }))
  .min(1)
  .max(DB_LIMITS.migrations)
  .refine((migrations) => new Set(migrations.map(({ id }) => id)).size === migrations.length, "must not name an id twice");

export const SearchOptions = z.strictObject({
  where: Where.optional(),
  fields: Paths.optional(),
  limit: Limit.optional(),
  cursor: Cursor.optional(),
  in: z.array(Path).min(1).max(COLLECTION_LIMITS.searchFields).optional().meta({ description: "Of the searched fields, those to look in" }),
  prefix: z.boolean().optional(),
  fuzzy: z.boolean().optional(),
  highlight: z.union([z.boolean(), z.strictObject({ before: z.string().max(64), after: z.string().max(64) })]).optional(),
});

export const SearchQuery = z.string().max(SEARCH_LIMITS.queryCharacters);

export const Hit = Entity.extend({ score: z.number(), highlights: z.record(z.string(), z.string()).optional() });

const Rule = z.strictObject({
  where: Where.optional(),
  kinds: z.array(z.string().min(1).max(32)).max(10).optional(),
  scopes: z.array(z.string().min(1).max(256)).max(10).optional(),
});
const Rules = z.array(Rule).max(COLLECTION_LIMITS.rules);
const FieldLists = z.array(z.array(Path).min(1).max(5)).max(COLLECTION_LIMITS.indexes);

export const Definition = z.strictObject({
  schema: z
    .record(z.string(), z.unknown())
    .refine(
      (schema) => JSON.stringify(schema).length <= COLLECTION_LIMITS.schemaBytes,
      `must have at most ${COLLECTION_LIMITS.schemaBytes} bytes`,
    )
    .optional()
    .meta({ description: "JSON Schema 2020-12 of the data, checked on each write" }),
  indexes: FieldLists.optional(),
  unique: FieldLists.optional(),
  search: z
    .strictObject({
      fields: z.array(Path).min(1).max(COLLECTION_LIMITS.searchFields),
      tokenizer: z.enum(["unicode", "porter", "trigram"]).optional(),
      fuzzy: z.boolean().optional(),
    })
    .optional(),
  ttlSeconds: Ttl.optional(),
  rules: z
    .strictObject({ read: Rules.optional(), create: Rules.optional(), update: Rules.optional(), delete: Rules.optional() })
    .optional(),
});

export const CollectionInfo = z.object({ name: z.string(), createdAt: z.iso.datetime(), documents: z.int(), definition: Definition });

const Since = z.string().max(1_000).meta({ description: 'A cursor, or "now"; absent: the oldest change that is kept' });

export const ChangesOptions = z.strictObject({
  since: Since.optional(),
  limit: Limit.optional(),
  where: Where.optional(),
  id: Id.optional(),
  waitMs: z.int().min(0).max(FEED_LIMITS.waitMs).optional().meta({ description: "How long to wait for a change when there is none" }),
});

export const WatchOptions = z.strictObject({ since: Since.optional(), where: Where.optional(), id: Id.optional() });

export const Change = z.object({
  op: z.enum(["insert", "update", "delete"]),
  collection: z.string(),
  id: z.string(),
  version: z.int(),
  at: z.iso.datetime(),
  data: Data.optional(),
  cursor: z.string(),
});

export const Bytes = z
  .custom<ReadableStream<Uint8Array>>((value) => value instanceof ReadableStream, "must be a stream of bytes")
  .meta({ description: "A stream of bytes; over HTTP it has a route of its own" });

export const ExportOptions = z.strictObject({
  collections: z.array(CollectionName).max(COLLECTION_LIMITS.collections).optional(),
  format: z.enum(["ndjson", "sql"]).optional().meta({ description: '"sql": the tables of SQL instead of the collections' }),
});

export const ImportOptions = z.strictObject({
  mode: z
    .enum(["insert", "upsert", "skip"])
    .optional()
    .meta({ description: "What a document that exists does: refuse, be replaced (default), stay" }),
  collection: CollectionName.optional().meta({ description: "Each line is the data of one document of this collection" }),
  idField: Path.optional().meta({ description: 'With `collection`: where the id stands; default "id"' }),
});
