import { describe, expect, it } from "vitest";
import { inTenant } from "./support.ts";

describe("documents", () => {
  it("are written whole, with versions, and read back", async () => {
    const run = inTenant();
    expect(await run(`return db.upsert("users", "u1", { name: "Ada", tags: ["a"], at: null })`)).toMatchObject({
      created: true,
      entity: { id: "u1", version: 1, data: { name: "Ada", tags: ["a"], at: null } },
    });
    expect(await run(`return db.upsert("users", "u1", { name: "Grace" })`)).toMatchObject({
      created: false,
      entity: { version: 2, data: { name: "Grace" } },
    });
    expect(await run(`return db.get("users", "u1")`)).toMatchObject({ version: 2, data: { name: "Grace" } });
    expect(await run(`return db.delete("users", "u1")`)).toEqual({ deleted: true });
    expect(await run(`return [await db.get("users", "u1"), await db.delete("users", "u1")]`)).toEqual([null, { deleted: false }]);
  });

  it("ifVersion writes only what was read; 0 only what is not there", async () => {
    const run = inTenant();
    expect(await run(`return db.upsert("c", "x", {}, { ifVersion: 1 })`)).toMatchObject({
      code: "PRECONDITION_FAILED",
      message: "Cannot write c/x: its version must be 1, got 0",
    });
    expect(await run(`return db.upsert("c", "x", {}, { ifVersion: 0 })`)).toMatchObject({ created: true });
    expect(await run(`return db.upsert("c", "x", {}, { ifVersion: 0 })`)).toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(await run(`return db.delete("c", "x", { ifVersion: 2 })`)).toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(await run(`return db.delete("c", "x", { ifVersion: 1 })`)).toEqual({ deleted: true });
  });

  it("are listed by id, page by page", async () => {
    const run = inTenant();
    await run(`await Promise.all(["c", "a", "e", "b", "d"].map((id) => db.upsert("l", id, { id })))`);
    expect(
      await run(
        `const ids = []; let cursor; do { const page = await db.list("l", { limit: 2, ...(cursor ? { cursor } : {}) }); ids.push(page.items.map((i) => i.id)); cursor = page.cursor } while (cursor); return ids`,
      ),
    ).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  });

  it("a write with an idempotency key happens once", async () => {
    const run = inTenant();
    const write = (data: string) => run(`return db.upsert("c", "x", ${data}, { idempotencyKey: "k" })`);
    const first = await write("{ n: 1 }");
    await run(`await db.upsert("c", "x", { n: 2 })`);
    expect(await write("{ n: 1 }")).toEqual(first);
    expect(await write("{ n: 3 }")).toMatchObject({ code: "UNPROCESSABLE", reason: "IDEMPOTENCY_KEY_REUSED" });
    expect(await run(`return (await db.get("c", "x")).data`)).toEqual({ n: 2 });
  });

  it.each([
    [`db.get("1users", "u")`, "collection"],
    [`db.get("users; DROP TABLE documents", "u")`, "collection"],
    [`db.get("__proto__", "")`, "id"],
    [`db.get("users")`, "id"],
    [`db.get("users", "u".repeat(257))`, "id"],
    [`db.get("users", 1)`, "id"],
    [`db.upsert("users", "u", [1])`, "data"],
    [`db.upsert("users", "u", "text")`, "data"],
    [`db.upsert("users", "u", {}, { version: 1 })`, "options"],
    [`db.list("users", { limit: 0 })`, "options.limit"],
    [`db.list("users", { limit: 1001 })`, "options.limit"],
    [`db.query("SELECT ?", [{}])`, "params"],
    [`db.query("")`, "sql"],
    [`db.get("users", "u", {}, "more")`, "takes at most 3 arguments, got 4"],
  ])("%s is refused by the name of what is wrong", async (call, message) => {
    expect(await inTenant()(`return ${call}`)).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) });
  });

  it("what JSON would lose is refused, not lost", async () => {
    const run = inTenant();
    for (const [value, message] of [
      ["new Map([[1, 2]])", "data/m is a Map"],
      ["NaN", "data/m is a number"],
      ["1n", "data/m is a bigint"],
      ["new Date(0)", "data/m is a Date"],
    ]) {
      expect(await run(`return db.upsert("c", "x", { m: ${value} }, { idempotencyKey: "k" })`)).toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(message ?? ""),
      });
    }
    expect(await run(`return (await db.upsert("c", "x", { gone: undefined, kept: null })).entity.data`)).toEqual({ kept: null });
  });

  it("a document at its limit is kept, one byte over is not", async () => {
    const run = inTenant();
    const fill = (bytes: number) => `return db.upsert("c", "x", { d: "x".repeat(${bytes} - 8) }).then((r) => r.created)`;
    expect(await run(fill(1_000_000))).toBe(true);
    expect(await run(fill(1_000_001))).toMatchObject({
      code: "TOO_LARGE",
      message: expect.stringContaining("at most 1000000 bytes, got 1000001"),
    });
  });
});

describe("query", () => {
  it("binds parameters, and answers columns, rows and meta", async () => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB) STRICT")`);
    await run(`await db.query("INSERT INTO t (name, data) VALUES (?, ?)", ["it's; -- ok", new Uint8Array([1, 2])])`);
    expect(await run(`return db.query("SELECT id, name, data FROM t WHERE name = ?", ["it's; -- ok"])`)).toMatchObject({
      columns: ["id", "name", "data"],
      rows: [{ id: 1, name: "it's; -- ok", data: new Uint8Array([1, 2]) }],
      meta: { rowsRead: 1, rowsWritten: 0 },
    });
  });

  it.each([
    ["SELECT 1; SELECT 2", "MULTI_STATEMENT"],
    ["SELECT 1; DROP TABLE documents", "MULTI_STATEMENT"],
    ["SELECT 1;/* x */ SELECT 2", "MULTI_STATEMENT"],
    ["SELECT ';'; SELECT 2", "MULTI_STATEMENT"],
    ["SELECT 1 -- ;\n; SELECT 2", "MULTI_STATEMENT"],
    ["ATTACH DATABASE '/tmp/x' AS x", "SQL_ERROR"],
    ["PRAGMA writable_schema = 1", "PRAGMA"],
    ["SELECT load_extension('x')", "SQL_ERROR"],
    ["BEGIN", "SQL_ERROR"],
    ["SELECT * FROM _cf_KV", "SQL_ERROR"],
    ["SELEC 1", "SQL_ERROR"],
    ["SELECT 9007199254740993", "UNSAFE_INTEGER"],
  ])("%s is refused", async (sql, reason) => {
    expect(await inTenant()(`return db.query(${JSON.stringify(sql)})`)).toMatchObject({ code: "INVALID_ARGUMENT", reason });
  });

  it.each([
    ["SELECT 1 AS one;", [{ one: 1 }]],
    ["SELECT ';' AS s -- ; SELECT 2", [{ s: ";" }]],
    ['SELECT "a;b" AS s FROM (SELECT 1 AS "a;b") /* ; */ ;', [{ s: 1 }]],
    ["SELECT CAST(9007199254740993 AS TEXT) AS big", [{ big: "9007199254740993" }]],
  ])("%s is one statement", async (sql, rows) => {
    expect(await inTenant()(`return (await db.query(${JSON.stringify(sql)})).rows`)).toEqual(rows);
  });

  it("a trigger is one statement, and what follows it is another", async () => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE a (n)"); await db.query("CREATE TABLE b (n)")`);
    const trigger =
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b VALUES (new.n); INSERT INTO b VALUES (CASE WHEN 1 THEN 2 END); END";
    expect(await run(`return db.query(${JSON.stringify(`${trigger}; SELECT 1`)})`)).toMatchObject({ reason: "MULTI_STATEMENT" });
    await run(`await db.query(${JSON.stringify(`${trigger};`)}); await db.query("INSERT INTO a VALUES (1)")`);
    expect(await run(`return (await db.query("SELECT n FROM b")).rows`)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it("a result over its bytes leaves nothing written, and a list over them ends early", async () => {
    const run = inTenant();
    await run(`for (let i = 0; i < 20; i++) await db.upsert("big", "d" + (10 + i), { d: "x".repeat(990_000) })`);
    await run(
      `await db.query("CREATE TABLE big (d TEXT, n INTEGER)"); await db.query("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20) INSERT INTO big SELECT ?, 1 FROM c", ["x".repeat(990_000)])`,
    );
    expect(await run(`return db.query("UPDATE big SET n = 7 RETURNING d")`)).toMatchObject({ code: "TOO_LARGE" });
    expect(await run(`return (await db.query("SELECT count(*) AS n FROM big WHERE n = 7")).rows`)).toEqual([{ n: 0 }]);
    expect(
      await run(
        `let n = 0, pages = 0, cursor; do { const page = await db.list("big", cursor ? { cursor } : {}); n += page.items.length; pages++; cursor = page.cursor } while (cursor); return [n, pages]`,
      ),
    ).toEqual([20, 2]);
  });

  it("a result over its rows leaves nothing written", async () => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE t (n)")`);
    const insert = (rows: number) =>
      `return db.query("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${rows}) INSERT INTO t SELECT n FROM c RETURNING n").then((r) => r.rows.length)`;
    expect(await run(insert(10_001))).toMatchObject({ code: "TOO_LARGE" });
    expect(await run(`return (await db.query("SELECT count(*) AS n FROM t")).rows`)).toEqual([{ n: 0 }]);
    expect(await run(insert(10_000))).toBe(10_000);
  });
});
