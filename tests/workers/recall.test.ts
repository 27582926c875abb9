import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { newId } from "../../workers/core-services/shared/ids.ts";
import { bindingFor, newTenant } from "./support.ts";

/** An answer of any shape is none that RPC's types know. */
interface Recalling {
  recall(callId: string, method: string, args: readonly unknown[]): Promise<unknown>;
}

function database(tenant = newTenant()) {
  const db = env.DATABASE.getByName(tenant);
  const recall: Recalling["recall"] = (...sent) => (db as unknown as Recalling).recall(...sent);
  return { db, recall };
}

const callId = (ms = Date.now()) => newId("call", ms).slice("call_".length);
const write = (id: string) => [{ collection: "c", id, data: {}, ifVersion: undefined, nowMs: 1, once: undefined }];

describe("a call that is sent a second time", () => {
  it("changes nothing twice, and answers the same", async () => {
    const { db, recall } = database();
    const call = callId();
    const first = await recall(call, "upsert", write("x"));
    expect(first).toMatchObject({ created: true, entity: { version: 1 } });
    expect(await recall(call, "upsert", write("x"))).toEqual(first);
    expect(await db.get("c", "x")).toMatchObject({ version: 1 });
    // Another call is another write.
    expect(await recall(callId(), "upsert", write("x"))).toMatchObject({ created: false, entity: { version: 2 } });
    expect(await recall(call, "upsert", write("x"))).toEqual(first);
  });

  it("inserts by SQL once", async () => {
    const { db, recall } = database();
    await db.query("CREATE TABLE t (n)", []);
    const call = callId();
    const insert = () => recall(call, "query", ["INSERT INTO t VALUES (?) RETURNING n", [7]]);
    const first = await insert();
    expect(await insert()).toEqual(first);
    expect((await db.query("SELECT n FROM t", [])).rows).toEqual([{ n: 7 }]);
  });

  it("that only read is read again", async () => {
    const { db, recall } = database();
    await db.query("CREATE TABLE t (n)", []);
    const call = callId();
    const read = async () => ((await recall(call, "query", ["SELECT n FROM t", []])) as { rows: unknown[] }).rows;
    expect(await read()).toEqual([]);
    await db.query("INSERT INTO t VALUES (1)", []);
    expect(await read()).toEqual([{ n: 1 }]);
  });

  it("that was refused has left nothing, and may succeed", async () => {
    const { db, recall } = database();
    const call = callId();
    const insert = () => recall(call, "query", ["INSERT INTO t VALUES (1)", []]);
    const refused = await insert().then(
      () => "accepted",
      (error: unknown) => String(error),
    );
    expect(refused).toContain("no such table");
    await db.query("CREATE TABLE t (n)", []);
    expect(await insert()).toMatchObject({ meta: { rowsWritten: 1 } });
  });

  it("is remembered where the tenant's SQL cannot reach it", async () => {
    const tenant = newTenant();
    await database(tenant).recall(callId(), "upsert", write("x"));
    const DO = bindingFor("internal", tenant);
    for (const sql of ["SELECT * FROM _cf_KV", "DELETE FROM _cf_KV", "DROP TABLE _cf_KV"]) {
      expect(await DO.execute({ code: "return db.query(input)", input: sql })).toMatchObject({
        outcome: "threw",
        error: { message: expect.stringMatching(/prohibited|not authorized/) },
      });
    }
  });

  it("is forgotten after five minutes, when others have come", async () => {
    const { recall } = database();
    const old = callId(Date.now() - 6 * 60_000);
    await recall(old, "upsert", write("x"));
    for (let i = 0; i < 100; i++) await recall(callId(), "upsert", write("y"));
    expect(await recall(old, "upsert", write("x"))).toMatchObject({ created: false, entity: { version: 2 } });
  });
});
