import { describe, expect, it } from "vitest";
import { newTenant } from "../support.ts";
import { dbOf, inTenant } from "../db/support.ts";

const SECRET = "the-secret-of-the-other-tenant";

/** SQL against tables of ours, of the runtime, of another tenant, and against the reader of statements. */
const STATEMENTS = [
  "SELECT * FROM documents",
  "SELECT * FROM docs_1",
  "SELECT * FROM main.docs_1",
  "SELECT * FROM collections",
  "SELECT * FROM changes",
  "SELECT * FROM feed",
  "SELECT * FROM staged",
  "SELECT * FROM text_1 WHERE text_1 MATCH 'secret'",
  "SELECT * FROM _do_once",
  "SELECT * FROM _cf_KV",
  "SELECT * FROM main._cf_KV",
  'SELECT * FROM "_cf_KV"',
  "SELECT * FROM [_cf_METADATA]",
  "SELECT (SELECT value FROM _cf_KV LIMIT 1)",
  "WITH x AS (SELECT * FROM _cf_KV) SELECT * FROM x",
  "INSERT INTO _cf_KV VALUES ('migrations', x'00')",
  "UPDATE _cf_KV SET value = NULL",
  "DELETE FROM _cf_KV",
  "DROP TABLE _cf_KV",
  "ALTER TABLE _cf_KV RENAME TO mine",
  "CREATE TABLE _cf_mine (n)",
  "CREATE INDEX i ON _cf_KV (value)",
  "CREATE TRIGGER t AFTER INSERT ON _cf_KV BEGIN SELECT 1; END",
  "INSERT INTO mine SELECT value FROM _cf_KV",
  "DELETE FROM sqlite_schema",
  "UPDATE sqlite_schema SET sql = 'x'",
  "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (n)')",
  "PRAGMA writable_schema = ON",
  "PRAGMA query_only = 0",
  "PRAGMA database_list",
  "PRAGMA journal_mode = DELETE",
  "PRAGMA temp_store_directory = '/tmp'",
  "ATTACH DATABASE 'other' AS other",
  "ATTACH DATABASE ':memory:' AS m",
  "ATTACH DATABASE '../do-database/x.sqlite' AS o",
  "DETACH main",
  "VACUUM",
  "VACUUM INTO '/tmp/stolen.db'",
  "SELECT load_extension('/tmp/x')",
  "SELECT readfile('/etc/passwd')",
  "SELECT writefile('/tmp/x', 'x')",
  "SELECT * FROM fsdir('/')",
  "SELECT * FROM dbstat",
  "SELECT * FROM sqlite_dbpage",
  "CREATE TEMP TABLE t (n)",
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT s",
  "SELECT $a(');DROP TABLE mine;--')",
  "SELECT 1; SELECT * FROM docs_1",
  "CREATE TRIGGER begin AFTER INSERT ON mine BEGIN SELECT 1; END; DROP TABLE mine",
  "SELECT zeroblob(1000000000)",
  "SELECT hex(zeroblob(20000000))",
  `SELECT 1 ${"UNION SELECT 1 ".repeat(600)}`,
  `SELECT ${Array.from({ length: 2_100 }, (_, n) => `1 AS c${n}`).join()}`,
  "SELECT fts5_source_id()",
  "SELECT * FROM pragma_database_list",
  "SELECT sqlite_version()",
  "SELECT * FROM bytecode('SELECT 1')",
  "SELECT 'a' LIKE printf('%.*c', 60, '%')",
];

/** What SQLite lets one write, and then does not let one read; and what is odd and harms nobody. */
const ALLOWED = [
  ["CREATE VIEW IF NOT EXISTS v AS SELECT * FROM _cf_KV", "SELECT * FROM v"],
  ["CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(value, content='_cf_KV')", "SELECT * FROM f"],
  [
    "CREATE VIRTUAL TABLE IF NOT EXISTS f2 USING fts5(value, content='_cf_KV', content_rowid='rowid')",
    "INSERT INTO f2(f2) VALUES ('rebuild')",
  ],
  [
    "CREATE TRIGGER IF NOT EXISTS tr AFTER DELETE ON mine BEGIN INSERT INTO _cf_KV VALUES ('x', x'00'); END",
    "INSERT INTO mine VALUES (1)",
    "DELETE FROM mine",
  ],
  ["CREATE TABLE IF NOT EXISTS child (k REFERENCES _cf_KV (key) ON DELETE CASCADE)", "INSERT INTO child VALUES ('migrations')"],
  ["SELECT printf('%.*c', 100000000, 'x')", "SELECT hex(zeroblob(20000000))"],
  [`SELECT ${"(".repeat(90)}1${")".repeat(90)}`, "SELECT * FROM _cf_KV"],
];

/** Calls with names, ids, cursors, filters, search strings and lines that are not what they should be. `$C` is a cursor of the other tenant. */
const CALLS = [
  `db.get("../" + $T + "/secrets", "s")`,
  `db.get("docs_1", "s")`,
  `db.get("collections", "1")`,
  `db.list("sqlite_schema")`,
  `db.list("users; DROP TABLE docs_1")`,
  `db.list("__proto__")`,
  `db.list("constructor", { where: { constructor: { eq: 1 } } })`,
  `db.get("c", "s' OR '1'='1")`,
  `db.get("c", "\\u0000")`,
  `db.get("c", "\\uD800")`,
  `db.list("c", { cursor: $C })`,
  `db.changes("secrets", { since: $F })`,
  `db.watch("secrets", { since: $F })`,
  `db.list("c", { cursor: btoa(JSON.stringify(["x", { a: 1 }])) })`,
  `db.list("c", { where: { "a') OR 1=1 --": 1 } })`,
  `db.list("c", { where: { "a'": { eq: "' OR 1=1 --" } } })`,
  `db.list("c", { where: { 'a"].x': 1 } })`,
  `db.list("c", { where: { "$.data": 1 } })`,
  `db.list("c", { where: { "__proto__.x": 1 } })`,
  `db.list("c", { where: JSON.parse('{"__proto__": {"eq": 1}}') })`,
  `db.list("c", { where: { a: { constructor: 1 } } })`,
  `db.list("c", { where: { a: { toString: 1 } } })`,
  `db.list("c", { where: { $or: [{ a: { like: "' OR 1" } }] } })`,
  `db.list("c", { where: { a: NaN } })`,
  `db.list("c", { where: { a: 10n } })`,
  `db.list("c", { where: { a: { in: [[1]] } } })`,
  `db.list("c", { where: { a: new Map() } })`,
  `db.list("c", { orderBy: ["id; DROP TABLE docs_1"] })`,
  `db.list("c", { orderBy: ["(SELECT value FROM _cf_KV)"] })`,
  `db.list("c", { orderBy: ["-"] })`,
  `db.list("c", { fields: ["__proto__", "constructor.prototype", "a[999999]"] })`,
  `db.list("c", { limit: 1e9 })`,
  `db.aggregate("c", { groupBy: ["a') FROM changes --"], metrics: { n: "count" } })`,
  `db.aggregate("c", { metrics: { "n) FROM changes --": "count" } })`,
  `db.aggregate("c", { metrics: { n: { sum: "a'); DROP TABLE changes" } } })`,
  `db.search("c", '" OR rowid:*')`,
  `db.search("c", "{f0} : secret", { in: ["t"] })`,
  `db.search("c", "secret", { in: ["f0} : x OR {f0"] })`,
  `db.search("c", "secret", { highlight: { before: "'); DROP TABLE changes; --", after: "" } })`,
  `db.defineCollection("c2", { indexes: [["a'); DROP TABLE changes; --"]] })`,
  `db.defineCollection("c2", { search: { fields: ["a"], tokenizer: "unicode61', content='changes" } })`,
  `db.defineCollection("c2", { rules: { read: [{ where: { a: { $sql: "1" } } }] } })`,
  `db.defineCollection("c2", { schema: { $ref: "http://127.0.0.1/" } })`,
  `db.upsert("c", "x", { tenant: $T, __tenant: $T })`,
  `db.upsert("c", "x", {}, { tenant: $T })`,
  `db.insert("c", {}, { id: "x", context: { tenant: $T } })`,
  `db.query("SELECT 1", [], { tenant: $T })`,
  `db.query("SELECT 1", [], { mode: "ro", timeoutMs: 1e9 })`,
  `db.atomic({ checks: [{ collection: "secrets", id: "s", version: 1 }], mutations: [] })`,
  `db.atomic({ mutations: [{ op: "drop", collection: "c", id: "x" }] })`,
  `db.collection("secrets").get("s")`,
  `db.collection({ toString: () => "secrets" }).get("s")`,
  `db.import(new Response('{"type":"collection","name":"a b","definition":{}}').body)`,
  `db.import(new Response('{"type":"document","collection":"c","id":"x","data":{"a":1},"tenant":"x"}').body, { collection: "../c" })`,
  `db.restore(new Response('{"type":"header","format":"do.backup","version":1}\\n{"type":"sql","sql":"DROP TABLE _cf_KV"}\\n{"type":"end","lines":1}').body)`,
  `db.restore(new Response('{"type":"header","format":"do.backup","version":1}\\n{"type":"row","table":"sqlite_schema","columns":["sql"],"values":["tx"]}\\n{"type":"end","lines":1}').body)`,
  `db.migrate([{ id: "1", sql: "DELETE FROM _cf_KV" }])`,
  `db.batch([{ sql: "SELECT * FROM docs_1" }])`,
  `db.describe("secrets")`,
  `db.copyStart()`,
  `db.stage("x", 0, "x")`,
  `db.documents.get("secrets", "s")`,
];

describe("one tenant against another and against us", () => {
  const victim = newTenant();
  const attacker = newTenant();
  const state = async () => JSON.stringify([await dbOf(victim).list("secrets", {}), await dbOf(victim).stats()]);
  let cursors: { list: string; feed: string } | undefined;

  /** What the other has: documents, search, a table, and cursors that lead into them. */
  async function setUp() {
    if (cursors) return cursors;
    const theirs = dbOf(victim);
    await theirs.defineCollection("secrets", { search: { fields: ["text"] } });
    await theirs.insert("secrets", { text: SECRET }, { id: "s" });
    await theirs.insert("secrets", { text: SECRET }, { id: "t" });
    await theirs.batch([{ sql: "CREATE TABLE secrets (text)" }, { sql: "INSERT INTO secrets VALUES (?)", params: [SECRET] }], {});
    const ours = dbOf(attacker);
    await ours.defineCollection("c", { search: { fields: ["t"] } });
    await ours.query("CREATE TABLE mine (n)", [], {});
    const [page, feed] = [await theirs.list("secrets", { limit: 1 }), await theirs.changes("secrets", { limit: 1 })];
    cursors = { list: page.cursor ?? "", feed: feed.cursor };
    return cursors;
  }

  /** What code of the attacker gets, and what must hold whatever it tried. */
  async function attempt(code: string, input: unknown) {
    const { list, feed } = await setUp();
    const before = await state();
    const given = { T: victim, C: list, F: feed, input };
    const answer: unknown = await inTenant(attacker, "tenant")(
      `const { T: $T, C: $C, F: $F } = input; { const value = await ${code.replaceAll(/\binput\b/g, "input.input")}; return value instanceof ReadableStream ? value.cancel() : value }`,
      given,
    );
    const text = JSON.stringify(answer) ?? "";
    expect(text).not.toContain(SECRET);
    expect(text).not.toMatch(/"code":"(?:INTERNAL|UNAVAILABLE|UPSTREAM)"/);
    expect(await state()).toBe(before);
    // Nor has it harmed what keeps its own data.
    expect(await dbOf(attacker).get("c", "nobody", undefined)).toBeNull();
    expect((await dbOf(attacker).query("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'mine'", [], {})).rows).toEqual([{ n: 1 }]);
    return answer;
  }

  it("tries at least sixty times each way", () => {
    expect(STATEMENTS.length).toBeGreaterThanOrEqual(60);
    expect(CALLS.length).toBeGreaterThanOrEqual(60);
  });

  it.each(STATEMENTS.map((sql) => [sql.slice(0, 70), sql] as const))("SQL: %s", async (_name, sql) => {
    for (const mode of ["ro", "rw"]) {
      expect(await attempt(`db.query(input, [], { mode: "${mode}" })`, sql)).toMatchObject({
        code: expect.stringMatching(/^(INVALID_ARGUMENT|TOO_LARGE)$/),
      });
    }
    expect(await attempt(`db.explain(input)`, sql)).toBeDefined();
  });

  it.each(ALLOWED.map((statements) => [statements[0]?.slice(0, 70), statements] as const))(
    "SQL in steps: %s",
    async (_name, statements) => {
      await dbOf(attacker).migrate([{ id: "1", sql: "SELECT 1" }]);
      for (const sql of statements.slice(0, -1)) await attempt(`db.query(input)`, sql);
      const last = await attempt(`db.query(input)`, statements.at(-1));
      expect(last).toMatchObject({ code: expect.stringMatching(/^(INVALID_ARGUMENT|TOO_LARGE|CONFLICT)$/) });
      expect(await dbOf(attacker).migrate([{ id: "1", sql: "SELECT 1" }])).toEqual({ applied: [], skipped: ["1"] });
      await dbOf(attacker).query("DROP TRIGGER IF EXISTS tr", [], {});
    },
  );

  it.each(CALLS)("%s", async (call) => {
    // What must hold is in attempt().
    expect(await attempt(call, undefined)).not.toBe(SECRET);
  });
});
