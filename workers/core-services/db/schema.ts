import * as z from "zod";
import { defineMethod, defineService } from "../shared/method.ts";

/** One bound value or cell. Integers beyond 2^53 travel as bigint, never rounded. */
export const SqlValue = z.union([z.null(), z.string(), z.number(), z.bigint(), z.instanceof(Uint8Array)]);
export type SqlValue = z.infer<typeof SqlValue>;

/** Cloudflare's production limits (developers.cloudflare.com, Durable Objects limits), held here so that both places behave alike. */
export const DB_LIMITS = {
  statementBytes: 100_000,
  boundParameters: 100,
  documentBytes: 1_000_000,
  rows: 10_000,
  /** Half of what Workers RPC carries. */
  resultBytes: 16 * 1024 * 1024,
  listItems: 1_000,
} as const;

const Collection = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, "must be 1 to 64 letters, digits, _ or -, and start with a letter or _")
  .meta({ description: "The name of a collection", example: "users" });

const Id = z
  .string()
  .min(1, "must not be empty")
  .max(256, "must be at most 256 characters")
  .meta({ description: "The id of a document in its collection" });

const Data = z.record(z.string(), z.unknown()).meta({ description: "A plain JSON object" });

export const Entity = z.object({
  id: z.string(),
  version: z.int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  data: Data,
});
export type Entity = z.infer<typeof Entity>;

const UpsertOptions = z.strictObject({
  ifVersion: z.int().min(0).optional().meta({ description: "Write only when the stored version is this one; 0: only when there is none" }),
  idempotencyKey: z.string().min(1).max(255).optional(),
});

const DeleteOptions = z.strictObject({
  ifVersion: z.int().min(1).optional(),
  idempotencyKey: z.string().min(1).max(255).optional(),
});

const ListOptions = z.strictObject({
  limit: z.int().min(1).max(DB_LIMITS.listItems).optional().meta({ description: "Default 100" }),
  cursor: z.string().max(1_000).optional(),
});

const resource = ([collection]: readonly unknown[]) => String(collection);

export const dbDefinition = defineService({
  name: "db",
  summary: "A database of the tenant's own: documents and SQL",
  methods: {
    get: defineMethod({
      summary: "One document, or null",
      access: "read",
      params: [
        ["collection", Collection],
        ["id", Id],
      ],
      result: Entity.nullable(),
      resource,
    }),
    list: defineMethod({
      summary: "The documents of a collection, by id",
      access: "read",
      params: [
        ["collection", Collection],
        ["options", ListOptions.optional()],
      ],
      result: z.object({ items: z.array(Entity), cursor: z.string().optional() }),
      resource,
    }),
    upsert: defineMethod({
      summary: "Writes a whole document, new or not",
      access: "write",
      params: [
        ["collection", Collection],
        ["id", Id],
        ["data", Data],
        ["options", UpsertOptions.optional()],
      ],
      result: z.object({ entity: Entity, created: z.boolean() }),
      resource,
    }),
    delete: defineMethod({
      summary: "Deletes a document; false when there was none",
      access: "write",
      params: [
        ["collection", Collection],
        ["id", Id],
        ["options", DeleteOptions.optional()],
      ],
      result: z.object({ deleted: z.boolean() }),
      resource,
    }),
    query: defineMethod({
      summary: "One SQL statement with bound parameters, in the tenant's own database",
      // A statement may write, and its spelling does not tell.
      access: "write",
      params: [
        ["sql", z.string().min(1, "must not be empty").meta({ example: "SELECT 1 AS one" })],
        ["params", z.array(SqlValue).max(DB_LIMITS.boundParameters).optional()],
      ],
      result: z.object({
        columns: z.array(z.string()),
        rows: z.array(z.record(z.string(), SqlValue)),
        meta: z.object({ rowsRead: z.int(), rowsWritten: z.int(), durationMs: z.number() }),
      }),
    }),
  },
});
