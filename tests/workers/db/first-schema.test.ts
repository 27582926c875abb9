import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { Database } from "../../../workers/core-services/db/database.ts";
import { newTenant } from "../support.ts";

const CALL = { caller: { id: "a", kind: "key", tier: "internal", scopes: ["*"] }, nowMs: Date.now() };

it("documents of the first version move into their collections", async () => {
  const seen = await runInDurableObject(env.DATABASE.getByName(newTenant()), (_instance, state) => {
    const { sql } = state.storage;
    sql.exec(`CREATE TABLE documents (
      collection TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
      created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, data TEXT NOT NULL,
      PRIMARY KEY (collection, id)
    ) WITHOUT ROWID, STRICT`);
    sql.exec("INSERT INTO documents VALUES ('users', 'ada', 3, 1000, 2000, '{\"name\":\"Ada\"}'), ('Other', 'x', 1, 1, 1, '{}')");
    // As when the object starts the next time, and the time after.
    void new Database(state, env);
    const database = new Database(state, env);
    return {
      document: database.get("users", "ada", undefined, CALL),
      collections: database.collections().map(({ name }) => name),
      old: sql.exec("SELECT name FROM sqlite_schema WHERE name = 'documents'").toArray(),
    };
  });
  expect(seen).toEqual({
    document: {
      id: "ada",
      version: 3,
      createdAt: new Date(1_000).toISOString(),
      updatedAt: new Date(2_000).toISOString(),
      data: { name: "Ada" },
    },
    collections: ["Other", "users"],
    old: [],
  });
});
