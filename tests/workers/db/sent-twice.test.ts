import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { DATABASE_CALLS, type RemoteCall } from "../../../workers/core-services/db/calls.ts";
import { databaseOf, type TenantDatabase } from "../../../workers/core-services/db/tenant.ts";
import { newTenant } from "../support.ts";

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** A call as a store gets it, with the key of one that may be sent again. */
function sender(database: TenantDatabase, part: keyof TenantDatabase, method: string, args: readonly unknown[], key: string) {
  const { withOnce } = (DATABASE_CALLS[part] as Readonly<Record<string, RemoteCall>>)[method] ?? {};
  const sent = withOnce?.(args, { key, bodyHash: "", keepMs: 60_000 }) ?? args;
  return async () => (database[part] as unknown as Readonly<Record<string, Method>>)[method]?.(...sent);
}

const context = () => ({ caller: { id: "k", kind: "key", tier: "tenant", scopes: ["db:*"] }, nowMs: 1_000 });

it("a document that is written twice under one key is written once, and says the same", async () => {
  const database = databaseOf(env, newTenant());
  const mutation = { op: "upsert", collection: "notes", id: "1", data: { n: 1 } };
  const write = sender(database, "documents", "write", [mutation, context()], "first");
  const [one, two] = [await write(), await write()];
  expect(one).toMatchObject({ created: true, entity: { version: 1 } });
  expect(two).toEqual(one);
  // Under another key it is another write.
  expect(await sender(database, "documents", "write", [mutation, context()], "second")()).toMatchObject({ entity: { version: 2 } });
});

it("a statement that is sent twice is run once", async () => {
  const database = databaseOf(env, newTenant());
  const statement = (sql: string) => ({ sql, params: [], mode: "rw", nowMs: 1_000 });
  await sender(database, "tables", "query", [statement("CREATE TABLE t (n INTEGER)")], "made")();
  const insert = sender(database, "tables", "query", [statement("INSERT INTO t VALUES (1) RETURNING n")], "inserted");
  expect(await insert()).toEqual(await insert());
  expect(await database.tables.query({ sql: "SELECT count(*) AS n FROM t", params: [], mode: "ro", nowMs: 1_000 })).toMatchObject({
    rows: [{ n: 1 }],
  });
});

it("an answer that is too large to be kept is not made up when it is asked for again", async () => {
  const database = databaseOf(env, newTenant());
  const mutation = { op: "upsert", collection: "notes", id: "1", data: { text: "x".repeat(600_000) } };
  const write = sender(database, "documents", "write", [mutation, context()], "large");
  expect(await write()).toMatchObject({ created: true });
  await expect(write()).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "ANSWER_LOST" });
});
