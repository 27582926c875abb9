import type { Implementation } from "../shared/method.ts";
import { onceKey } from "../shared/once.ts";
import type { DatabaseStub } from "./calls.ts";
import type { dbDefinition } from "./schema.ts";

const DEFAULT_LIST_ITEMS = 100;

/** What a principal may call, on the database of the tenant that `database` is. */
export function dbService(database: DatabaseStub, nowMs: () => number): Implementation<typeof dbDefinition> {
  return {
    get: (collection, id) => database.get(collection, id),
    list: (collection, options) => database.list(collection, options?.limit ?? DEFAULT_LIST_ITEMS, options?.cursor ?? ""),
    upsert: async (collection, id, data, { ifVersion, idempotencyKey } = {}) => {
      const once = onceKey(idempotencyKey, "upsert", [collection, id, data, ifVersion]);
      return database.upsert({ collection, id, data, ifVersion, nowMs: nowMs(), once });
    },
    delete: async (collection, id, { ifVersion, idempotencyKey } = {}) => {
      const once = onceKey(idempotencyKey, "delete", [collection, id, ifVersion]);
      return database.delete({ collection, id, ifVersion, nowMs: nowMs(), once });
    },
    query: (sql, params) => database.query(sql, params ?? []),
  };
}
