import { env } from "cloudflare:workers";
import { databaseOf } from "../../../workers/core-services/db/tenant.ts";
import { describe, expect, it } from "vitest";
import { newTenant } from "../support.ts";
import { dbOf, inTenant } from "./support.ts";

const text = (stream: unknown) => new Response(stream as ReadableStream).text();
const streamOf = (body: string) => new Response(body).body as never;

const FILL = `await db.defineCollection("users", { unique: [["email"]], search: { fields: ["name"] }, schema: { type: "object" } });
  for (let n = 0; n < 50; n++) await db.insert("users", { email: "e" + n, name: "name " + n, n: n / 3, deep: { list: [n, null, "ü"] } }, { id: "u" + n, ...(n === 0 ? { ttlSeconds: 3600 } : {}) });
  await db.patch("users", "u7", { name: "changed" });
  await db.insert("other", { ["a'b"]: 1 });
  await db.migrate([{ id: "m1", sql: "CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT, r REAL, b BLOB, big INTEGER, g AS (n * 2)); CREATE TABLE child (t INTEGER REFERENCES t (n)); CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE INDEX ts ON t (s); CREATE VIEW v AS SELECT n FROM t; CREATE TRIGGER tr AFTER INSERT ON w BEGIN INSERT INTO child VALUES (NULL); END; CREATE VIRTUAL TABLE f USING fts5(s)" }]);
  await db.batch([
    { sql: "INSERT INTO t (s, r, b, big) VALUES (?, 0.1, x'00ff', 9223372036854775807)", params: ["it's\\n\\"ü\\""] },
    { sql: "INSERT INTO t (n, s, r) VALUES (100, NULL, 1e300)" }, { sql: "DELETE FROM t WHERE n = 100" }, { sql: "INSERT INTO child VALUES (1)" },
    { sql: "INSERT INTO w VALUES ('k', 1.0)" }, { sql: "INSERT INTO f VALUES ('some words')" } ]);`;

const STATE = `return JSON.stringify([
  (await db.list("users", { limit: 1000 })).items, (await db.list("other")).items, (await db.search("users", "changed")).hits.length,
  (await db.describe("users")).definition,
  (await db.query("SELECT n, s, r, hex(b) AS b, CAST(big AS TEXT) AS big, g FROM t")).rows, (await db.query("SELECT * FROM child")).rows, (await db.query("SELECT k, typeof(v) AS v FROM w")).rows,
  (await db.query("SELECT name FROM sqlite_schema WHERE name NOT LIKE '\\\\_cf%' ESCAPE '\\\\' ORDER BY name")).rows, (await db.query("SELECT * FROM f WHERE f MATCH 'words'")).rows,
  (await db.query("SELECT seq FROM sqlite_sequence")).rows, (await db.migrate([{ id: "m1", sql: input }]).catch((e) => e.reason)) ])`;

describe("backup and restore", () => {
  it("bring everything into another tenant, as it was", async () => {
    const [from, to] = [newTenant(), newTenant()];
    await inTenant(from)(FILL);
    const before = await inTenant(from)(STATE, "x");
    const file = await text(await dbOf(from).backup());
    await inTenant(to)(
      `await db.insert("gone", {}); await db.insert("users", {}); await db.query("CREATE TABLE gone (n)"); await db.query("CREATE VIRTUAL TABLE gf USING fts5(x)")`,
    );
    expect(await dbOf(to).restore(streamOf(file))).toMatchObject({ collections: 2, documents: 51 });
    expect(await inTenant(to)(STATE, "x")).toBe(before);
    expect(
      await inTenant(to)(
        `return [(await db.listCollections()).items.length, (await db.insert("users", { email: "e1" }).catch((e) => e.reason))]`,
      ),
    ).toEqual([2, "UNIQUE"]);
    // And again, over what is there.
    await dbOf(to).restore(streamOf(file));
    expect(await inTenant(to)(STATE, "x")).toBe(before);
  });

  it("a backup that is taken while writes go on is the state of one moment", async () => {
    const [from, to] = [newTenant(), newTenant()];
    const DO = dbOf(from);
    const pad = "x".repeat(20_000);
    await inTenant(from)(
      `await db.defineCollection("pairs", { unique: [["slot"]] }); for (let n = 0; n < 200; n++) await db.insert("pairs", { slot: n, sum: 0, pad: input }, { id: "p" + n })`,
      pad,
    );
    const reading = new AbortController();
    const writing = (async () => {
      // Each transaction moves one unit and exchanges two unique values: a mixture of moments shows in both.
      for (let n = 0; !reading.signal.aborted || n < 50; n++) {
        const [a, b] = [n % 200, (n * 7 + 3) % 200];
        if (a === b) continue;
        await DO.atomic({
          mutations: [
            { op: "patch", collection: "pairs", id: `p${a}`, patch: { sum: n, with: b } },
            { op: "patch", collection: "pairs", id: `p${b}`, patch: { sum: n, with: a } },
          ],
        });
      }
      return true;
    })();
    const file = await text(await DO.backup());
    reading.abort();
    await writing;
    await dbOf(to).restore(streamOf(file));
    const problems = await inTenant(
      to,
    )(`const all = new Map((await db.list("pairs", { limit: 1000, fields: ["sum", "with", "slot"] })).items.map((d) => [d.id, d.data]));
      return [all.size, [...all].filter(([id, d]) => d.with !== undefined && all.get("p" + d.with).sum < d.sum).length]`);
    expect(problems).toEqual([200, 0]);
  });

  it("lines that are longer than a row, of any characters, come back as they were", async () => {
    const [from, to] = [newTenant(), newTenant()];
    // In characters of two units, at every place where a piece could be cut.
    await inTenant(from)(`await db.query("CREATE TABLE t (a TEXT, b BLOB)");
      for (let n = 0; n < 3; n++) await db.query("INSERT INTO t VALUES (?, ?)", ["x".repeat(n) + "🐋".repeat(450_000), new Uint8Array(100_000).fill(n)]);
      await db.query("INSERT INTO t VALUES (?, zeroblob(1900000))", ["\\u0001".repeat(90_000)]);
      for (let n = 0; n < 3; n++) await db.insert("c", { a: "x".repeat(n) + "🐋".repeat(240_000) }, { id: "d" + n });`);
    const sums = `return [(await db.query("SELECT length(a) AS a, substr(a, 3, 1) AS m, length(b) AS b FROM t")).rows, (await db.list("c")).items.map((d) => [d.id, Array.from(d.data.a).length, d.data.a.includes("\\uFFFD")])]`;
    const before = await inTenant(from)(sums);
    await dbOf(to).restore(streamOf(await text(await dbOf(from).backup())));
    expect(await inTenant(to)(sums)).toEqual(before);
  });

  it("an export that is imported keeps the time to live, and leaves out what is over", async () => {
    const [from, to] = [newTenant(), newTenant()];
    const startMs = Date.now() + 3_600_000;
    const at = (tenant: string, ms: number) => dbOf(tenant, { now: () => startMs + ms });
    await at(from, 0).insert("c", {}, { id: "short", ttlSeconds: 10 });
    await at(from, 0).insert("c", {}, { id: "long", ttlSeconds: 20 });
    const file = await text(await at(from, 10_000).export({}));
    await at(to, 10_000).import(streamOf(file), {});
    expect((await at(to, 19_999).list("c", {})).items.map(({ id }) => id)).toEqual(["long"]);
    expect((await at(to, 20_000).list("c", {})).items).toEqual([]);
  });

  it.each([
    ["nothing", "", "has no end"],
    ["an export", '{"type":"header","format":"do.export","version":1}', "line 1"],
    ["no JSON", "x", "line 1"],
    [
      "a file that was cut off",
      '{"type":"header","format":"do.backup","version":1}\n{"type":"document","collection":"c","id":"x","version":1,"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z","data":{}}\n',
      "cut off",
    ],
    ["lines that are missing", '{"type":"header","format":"do.backup","version":1}\n{"type":"end","lines":1}', "must have 1 lines, got 0"],
    [
      "two statements",
      '{"type":"header","format":"do.backup","version":1}\n{"type":"sql","sql":"CREATE TABLE a (n); CREATE TABLE b (n)"}\n{"type":"end","lines":1}',
      "one statement",
    ],
    [
      "a statement that is none",
      '{"type":"header","format":"do.backup","version":1}\n{"type":"sql","sql":"CREATE"}\n{"type":"end","lines":1}',
      "SQL",
    ],
    [
      "a name of ours",
      '{"type":"header","format":"do.backup","version":1}\n{"type":"row","table":"_cf_KV","columns":["key"],"values":["tx"]}\n{"type":"end","lines":1}',
      "SQL",
    ],
    [
      "a collection with a bad name",
      '{"type":"header","format":"do.backup","version":1}\n{"type":"deleted","collection":"a b","id":"x"}\n{"type":"end","lines":1}',
      "line 2",
    ],
  ])("%s restores nothing and changes nothing", async (_name, file, message) => {
    const tenant = newTenant();
    await inTenant(tenant)(`await db.insert("c", {}, { id: "kept" }); await db.query("CREATE TABLE kept (n)")`);
    await expect((async () => dbOf(tenant).restore(streamOf(file)))()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
    expect(
      await inTenant(tenant)(
        `return [(await db.list("c")).items.length, (await db.query("SELECT name FROM sqlite_schema WHERE name = 'kept'")).rows.length]`,
      ),
    ).toEqual([1, 1]);
  });
});

describe("export and import", () => {
  const moved = async (from: Db, to: Db, options = {}) => to.import(streamOf(await text(await from.export({}))), options);
  type Db = ReturnType<typeof dbOf>;

  it("bring documents and definitions into another tenant", async () => {
    const [from, to] = [newTenant(), newTenant()];
    await inTenant(from)(FILL);
    expect(await moved(dbOf(from), dbOf(to))).toEqual({ documents: 51, skipped: 0 });
    const data = `return JSON.stringify([(await db.list("users", { limit: 1000 })).items.map((d) => [d.id, d.data]), (await db.describe("users")).definition])`;
    expect(await inTenant(to)(data)).toBe(await inTenant(from)(data));
    expect(await moved(dbOf(from), dbOf(to), { mode: "skip" })).toEqual({ documents: 0, skipped: 51 });
    await expect(moved(dbOf(from), dbOf(to), { mode: "insert" })).rejects.toMatchObject({ code: "CONFLICT", details: { written: 0 } });
  });

  it("take lines of data alone, and name the line that is wrong", async () => {
    const tenant = newTenant();
    const db = dbOf(tenant);
    expect(await db.import(streamOf('{"id":"a","n":1}\n\n{"id":7}\n{"n":3}'), { collection: "c" })).toEqual({ documents: 3, skipped: 0 });
    expect(await inTenant(tenant)(`return (await db.list("c")).items.map((d) => d.id.slice(0, 4))`)).toEqual(["7", "a", "doc_"]);
    for (const [body, line] of [
      ["{}\nx", 2],
      ["[]", 1],
      ['{"id":""}', 1],
      ["\n\n\u0000", 3],
    ] as const) {
      await expect((async () => db.import(streamOf(body), { collection: "c" }))()).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        details: { line },
      });
    }
    await expect((async () => db.import(streamOf("{}"), {}))()).rejects.toMatchObject({
      message: expect.stringContaining("need a collection"),
    });
  });

  it("SQL tables come as SQL", async () => {
    const tenant = newTenant();
    await inTenant(tenant)(FILL);
    const sql = await text(await dbOf(tenant).export({ format: "sql" }));
    expect(sql).toContain(
      `INSERT INTO "t" ("rowid", "n", "s", "r", "b", "big") VALUES (1, 1, 'it''s\n"ü"', 0.1, X'00FF', 9223372036854775807);`,
    );
    expect(sql).toContain("CREATE TRIGGER tr");
  });

  it("stats say how much there is", async () => {
    const run = inTenant();
    await run(FILL);
    expect(await run(`return db.stats()`)).toMatchObject({
      documents: { collections: 2, documents: 51, changes: 52, bytes: expect.any(Number) },
      sql: { tables: 4, migrations: 1 },
    });
  });
});

it("a restore of tables that is sent again, because its answer was lost, answers the same", async () => {
  const { tables } = databaseOf(env, "restored-twice");
  await tables.stage("run", 0, `${JSON.stringify({ type: "sql", sql: "CREATE TABLE t (a)" })}\n`);
  const first = await tables.restore("run", 1, []);
  expect(first).toEqual({ tables: 1, rows: 0 });
  expect(await tables.restore("run", 1, [])).toEqual(first);
});
