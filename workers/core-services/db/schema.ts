import * as z from "zod";
import { defineMethod, defineService } from "../shared/method.ts";
import * as s from "./shapes.ts";

const resource = ([collection]: readonly unknown[]) => String(collection);

const COLLECTION = ["collection", s.CollectionName] as const;
const ID = ["id", s.Id] as const;

export const dbDefinition = defineService({
  name: "db",
  summary: "A database of the tenant's own: documents, SQL, search and changes",
  methods: {
    get: defineMethod({
      summary: "One document, or null",
      access: "read",
      params: [COLLECTION, ID, ["options", s.GetOptions.optional()]],
      result: s.Entity.nullable(),
      resource,
    }),
    getMany: defineMethod({
      summary: "Documents by their ids, in that order; null for what is not there",
      access: "read",
      params: [COLLECTION, ["ids", z.array(s.Id).max(1_000)], ["options", s.GetOptions.optional()]],
      result: z.array(s.Entity.nullable()),
      resource,
    }),
    list: defineMethod({
      summary: "Documents of a collection, filtered and ordered; by id when nothing else is asked for",
      access: "read",
      params: [COLLECTION, ["options", s.ListOptions.optional()]],
      result: s.EntityPage,
      resource,
    }),
    count: defineMethod({
      summary: "How many documents a filter finds",
      access: "read",
      params: [COLLECTION, ["where", s.Where.optional()]],
      result: z.object({ count: z.int() }),
      resource,
    }),
    aggregate: defineMethod({
      summary: "Counts, sums, averages and extremes of documents, in groups",
      access: "read",
      params: [COLLECTION, ["options", s.AggregateOptions]],
      result: z.array(s.Group),
      resource,
    }),
    insert: defineMethod({
      summary: "Writes a new document, under an id of its own when none is given",
      access: "write",
      params: [COLLECTION, ["data", s.Data], ["options", s.InsertOptions.optional()]],
      result: s.Entity,
      resource,
    }),
    upsert: defineMethod({
      summary: "Writes a whole document, new or not",
      access: "write",
      params: [COLLECTION, ID, ["data", s.Data], ["options", s.UpsertOptions.optional()]],
      result: z.object({ entity: s.Entity, created: z.boolean() }),
      resource,
    }),
    patch: defineMethod({
      summary: "Changes parts of a document: a JSON merge patch (RFC 7396)",
      access: "write",
      params: [COLLECTION, ID, ["patch", s.Data], ["options", s.PatchOptions.optional()]],
      result: s.Entity,
      resource,
    }),
    patchMany: defineMethod({
      summary: "Patches the documents that a filter finds, by id, at most 1,000",
      access: "write",
      params: [COLLECTION, ["where", s.Where], ["patch", s.Data], ["options", s.ManyOptions.optional()]],
      result: z.object({ patched: z.int() }),
      resource,
    }),
    delete: defineMethod({
      summary: "Deletes a document; false when there was none",
      access: "write",
      params: [COLLECTION, ID, ["options", s.DeleteOptions.optional()]],
      result: z.object({ deleted: z.boolean() }),
      resource,
    }),
    deleteMany: defineMethod({
      summary: "Deletes the documents that a filter finds, by id, at most 1,000",
      access: "write",
      params: [COLLECTION, ["where", s.Where], ["options", s.ManyOptions.optional()]],
      result: z.object({ deleted: z.int() }),
      resource,
    }),
    atomic: defineMethod({
      summary: "All changes, when all checks hold; else nothing",
      access: "write",
      params: [["request", s.AtomicRequest]],
      result: z.object({ entities: z.array(s.Entity.nullable()) }),
      resource: ([request]) => collectionsOf(request as z.infer<typeof s.AtomicRequest>),
    }),
    query: defineMethod({
      summary: "One SQL statement with bound parameters, on the tenant's own tables",
      // A statement may write, and its spelling does not tell; in mode "ro" it is refused when it does.
      access: "write",
      accessOf: ([, , options]) => ((options as z.infer<typeof s.QueryOptions> | undefined)?.mode === "ro" ? "read" : "write"),
      params: [
        ["sql", s.SqlText],
        ["params", s.Params.optional()],
        ["options", s.QueryOptions.optional()],
      ],
      result: s.QueryResult,
    }),
    batch: defineMethod({
      summary: "SQL statements in one transaction: all or none",
      access: "write",
      params: [
        ["statements", s.Statements],
        ["options", s.BatchOptions.optional()],
      ],
      result: z.array(s.QueryResult),
    }),
    explain: defineMethod({
      summary: "What an SQL statement would read and write, and how; it is not run",
      access: "read",
      params: [
        ["sql", s.SqlText],
        ["params", s.Params.optional()],
      ],
      result: z.object({
        plan: z.array(z.string()),
        readOnly: z.boolean(),
        tablesRead: z.array(z.string()),
        tablesWritten: z.array(z.string()),
      }),
    }),
    migrate: defineMethod({
      summary: "Applies those migrations of the tenant's tables that are new, in order, in one transaction",
      access: "manage",
      params: [["migrations", s.Migrations]],
      result: z.object({ applied: z.array(z.string()), skipped: z.array(z.string()) }),
    }),
    search: defineMethod({
      summary: "Full text search over the fields that the collection declares, the best first",
      access: "read",
      params: [COLLECTION, ["query", s.SearchQuery], ["options", s.SearchOptions.optional()]],
      result: z.object({ hits: z.array(s.Hit), cursor: z.string().optional() }),
      resource,
    }),
    defineCollection: defineMethod({
      summary: "Says what a collection demands and offers: schema, indexes, unique fields, search, time to live, rules",
      access: "manage",
      params: [COLLECTION, ["definition", s.Definition]],
      result: s.CollectionInfo,
      resource,
    }),
    describe: defineMethod({
      summary: "A collection's definition and size, or null",
      access: "read",
      params: [COLLECTION],
      result: s.CollectionInfo.nullable(),
      resource,
    }),
    listCollections: defineMethod({
      summary: "The collections that there are, by name",
      access: "read",
      params: [],
      result: z.object({ items: z.array(z.object({ name: z.string(), createdAt: z.iso.datetime() })) }),
    }),
    dropCollection: defineMethod({
      summary: "Deletes a collection with its documents and definition; false when there was none",
      access: "manage",
      params: [COLLECTION],
      result: z.object({ dropped: z.boolean() }),
      resource,
    }),
    changes: defineMethod({
      summary: "Changes of a collection since a cursor, in order; may wait for one",
      access: "read",
      params: [COLLECTION, ["options", s.ChangesOptions.optional()]],
      result: z.object({ items: z.array(s.Change), cursor: z.string() }),
      resource,
    }),
    watch: defineMethod({
      summary: "Changes of a collection as they happen: a stream of NDJSON; over HTTP GET /db/watch/:collection",
      access: "read",
      params: [COLLECTION, ["options", s.WatchOptions.optional()]],
      result: s.Bytes,
      resource,
    }),
    export: defineMethod({
      summary: "Documents as a stream of NDJSON, or the tables of SQL as SQL; over HTTP GET /db/export",
      access: "manage",
      params: [["options", s.ExportOptions.optional()]],
      result: s.Bytes,
    }),
    import: defineMethod({
      summary: "Writes documents from a stream of NDJSON; over HTTP POST /db/import",
      access: "manage",
      params: [
        ["stream", s.Bytes],
        ["options", s.ImportOptions.optional()],
      ],
      result: z.object({ documents: z.int(), skipped: z.int() }),
    }),
    backup: defineMethod({
      summary: "Everything of the tenant's database as a stream; over HTTP GET /db/backup",
      access: "manage",
      params: [],
      result: s.Bytes,
    }),
    restore: defineMethod({
      summary: "Puts a backup in the place of everything that is there; over HTTP POST /db/restore",
      access: "manage",
      params: [["stream", s.Bytes]],
      result: z.object({ collections: z.int(), documents: z.int(), tables: z.int(), rows: z.int() }),
    }),
    stats: defineMethod({
      summary: "How much there is",
      access: "read",
      params: [],
      result: z.object({
        documents: z.object({ collections: z.int(), documents: z.int(), changes: z.int(), bytes: z.int() }),
        sql: z.object({ tables: z.int(), migrations: z.int(), bytes: z.int() }),
      }),
    }),
  },
});

/** Each collection that a request names must be granted. */
function collectionsOf({ checks = [], mutations }: z.infer<typeof s.AtomicRequest>): string[] {
  return [...new Set([...checks, ...mutations].map(({ collection }) => collection))];
}
