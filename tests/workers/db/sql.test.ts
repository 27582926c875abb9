import { describe, expect, it } from "vitest";
import { inTenant } from "./support.ts";

describe("mode ro", () => {
  const run = inTenant();
  const setUp = `await db.batch([
    { sql: "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, s TEXT)" }, { sql: "CREATE VIEW IF NOT EXISTS v AS SELECT n FROM t" },
    { sql: "CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(s)" }, { sql: "INSERT OR REPLACE INTO t VALUES (1, 'one')" },
    { sql: "CREATE TRIGGER IF NOT EXISTS tr INSTEAD OF DELETE ON v BEGIN DELETE FROM t; END" } ]);`;

  it.each([
    "SELECT n FROM t",
    "WITH x AS (SELECT n FROM t) SELECT * FROM x",
    "VALUES (1)",
    "SELECT * FROM pragma_table_info('t')",
    "PRAGMA table_info(t)",
    "EXPLAIN DELETE FROM t",
    "EXPLAIN QUERY PLAN UPDATE t SET n = 2",
    "SELECT * FROM f WHERE f MATCH 'one'",
    "SELECT 'DELETE FROM t'",
    "/* INSERT */ SELECT 1 -- DELETE",
  ])("%s is read", async (sql) => {
    await run(setUp);
    expect(await run(`return (await db.query(input, [], { mode: "ro" })).meta.rowsWritten`, sql)).toBe(0);
  });

  it.each([
    "INSERT INTO t VALUES (2, 'two')",
    "insert/**/or/**/ignore into t values (1, 'x')",
    "REPLACE INTO t VALUES (1, 'x')",
    "UPDATE t SET s = 'x' WHERE 0",
    "DELETE FROM t",
    "DELETE FROM v",
    "WITH x AS (SELECT 1) DELETE FROM t WHERE n IN x",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT 9, 'x' FROM x RETURNING n",
    "CREATE TABLE u (n)",
    "CREATE TABLE IF NOT EXISTS u AS SELECT * FROM t",
    "CREATE INDEX i ON t (s)",
    "CREATE VIEW w AS SELECT 1",
    "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM t; END",
    "ALTER TABLE t ADD COLUMN c",
    "DROP TABLE t",
    "DROP VIEW v",
    "INSERT INTO f VALUES ('x')",
    "INSERT INTO f (f) VALUES ('rebuild')",
    "REINDEX",
    "ANALYZE",
  ])("%s is refused by what it does", async (sql) => {
    await run(setUp);
    expect(await run(`return db.query(input, [], { mode: "ro" })`, sql)).toMatchObject({ code: "INVALID_ARGUMENT", reason: "READ_ONLY" });
    expect(
      await run(
        `return (await db.query("SELECT (SELECT count(*) FROM t) AS t, (SELECT count(*) FROM sqlite_schema WHERE name IN ('u', 'i', 'w', 'a')) AS made")).rows`,
      ),
    ).toEqual([{ t: 1, made: 0 }]);
  });

  it.each([
    "PRAGMA case_sensitive_like = ON",
    "PRAGMA foreign_keys(0)",
    "EXPLAIN PRAGMA recursive_triggers = 1",
    "PRAGMA main.ignore_check_constraints = 1",
    "PRAGMA optimize",
  ])("%s is refused in any mode: it would change later statements", async (sql) => {
    expect(await run(`return db.query(input)`, sql)).toMatchObject({ code: "INVALID_ARGUMENT", reason: "PRAGMA" });
  });
});

describe("what hides a second statement from a reader", () => {
  it.each([
    ["SELECT $a(');CREATE TABLE hacked(x);--')", "NAMED_PARAMETER"],
    ["SELECT @a(');CREATE/**/TABLE/**/hacked(x);--')", "NAMED_PARAMETER"],
    ["SELECT :a", "NAMED_PARAMETER"],
    ["SELECT 1\0; DROP TABLE t", "BAD_CHARACTER"],
    ["CREATE TRIGGER begin AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TABLE hacked(x)", "MULTI_STATEMENT"],
    ["CREATE TRIGGER t1 AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END; CREATE TABLE hacked(x)", "MULTI_STATEMENT"],
    ["EXPLAIN SELECT 1; CREATE TABLE hacked(x)", "MULTI_STATEMENT"],
    ["EXPLAIN QUERY PLAN SELECT 1; CREATE TABLE hacked(x)", "MULTI_STATEMENT"],
    ["SELECT [a;b]; CREATE TABLE hacked(x)", "MULTI_STATEMENT"],
    ["SELECT 'it''s'; CREATE TABLE hacked(x)", "MULTI_STATEMENT"],
    [";;; SELECT 1; SELECT 2", "MULTI_STATEMENT"],
    [" -- nothing\n ; ", "SQL_ERROR"],
  ])("%s", async (sql, reason) => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE t (n)")`);
    for (const mode of ["ro", "rw"])
      expect(await run(`return db.query(input, [], { mode: "${mode}" })`, sql)).toMatchObject({ code: "INVALID_ARGUMENT", reason });
    expect(await run(`return (await db.query("SELECT name FROM sqlite_schema")).rows`)).toEqual([{ name: "t" }]);
  });
});

describe("batch", () => {
  it("is whole or absent", async () => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE t (n INTEGER PRIMARY KEY)")`);
    expect(
      await run(
        `return (await db.batch([{ sql: "INSERT INTO t VALUES (?)", params: [1] }, { sql: "SELECT n FROM t" }], { counts: true })).map((r) => [r.rows, r.meta.changes, r.meta.lastRowId])`,
      ),
    ).toEqual([
      [[], 1, 1],
      [[{ n: 1 }], 0, 0],
    ]);
    // Results are apart: what is done to one is not done to another.
    const two = `db.batch([{ sql: "DELETE FROM t WHERE n = 9" }, { sql: "DELETE FROM t WHERE n = 9" }])`;
    expect(await run(`const [a, b] = await ${two}; a.rows.push(1); a.columns.push(1); a.meta.x = 1; return b`)).toEqual({
      columns: [],
      rows: [],
      meta: { rowsRead: 1, rowsWritten: 0, durationMs: expect.any(Number), truncated: false },
    });
    expect(await run(`return db.batch([{ sql: "INSERT INTO t VALUES (2)" }, { sql: "INSERT INTO t VALUES (1)" }])`)).toMatchObject({
      code: "CONFLICT",
      reason: "CONSTRAINT",
      details: { statement: 1 },
    });
    expect(await run(`return db.batch([{ sql: "INSERT INTO t VALUES (2)" }, { sql: "DROP TABLE t; SELECT 1" }])`)).toMatchObject({
      reason: "MULTI_STATEMENT",
    });
    expect(await run(`return (await db.query("SELECT n FROM t")).rows`)).toEqual([{ n: 1 }]);
  });

  it("with a key happens once", async () => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE t (n)")`);
    const write = `return db.batch([{ sql: "INSERT INTO t VALUES (1) RETURNING n" }], { idempotencyKey: "k" })`;
    const [first, second] = [await run(write), await run(write)];
    expect(second).toEqual(first);
    expect(await run(`return db.query("INSERT INTO t VALUES (1)", [], { idempotencyKey: "k" })`)).toMatchObject({ code: "UNPROCESSABLE" });
    expect(await run(`return (await db.query("SELECT count(*) AS n FROM t")).rows`)).toEqual([{ n: 1 }]);
  });
});

describe("query", () => {
  it("cuts rows at maxRows and says so", async () => {
    const run = inTenant();
    const sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20) SELECT n FROM c";
    expect(await run(`const r = await db.query(input, [], { maxRows: 3 }); return [r.rows.length, r.meta.truncated]`, sql)).toEqual([
      3,
      true,
    ]);
    expect(await run(`const r = await db.query(input, [], { maxRows: 20 }); return [r.rows.length, r.meta.truncated]`, sql)).toEqual([
      20,
      false,
    ]);
  });

  it.each([
    ["timeoutMs: 0", "timeoutMs"],
    ["timeoutMs: 30001", "timeoutMs"],
    ["maxRows: 10001", "maxRows"],
    ['mode: "write"', "mode"],
  ])("{ %s } is refused", async (options, named) => {
    expect(await inTenant()(`return db.query("SELECT 1", [], { ${options} })`)).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(named),
    });
  });

  it("a statement whose answer is refused leaves no table locked", async () => {
    const run = inTenant();
    await run(`await db.query("CREATE TABLE t (n INTEGER)"); await db.query("INSERT INTO t VALUES (9007199254740993), (1), (2)")`);
    for (const mode of ["ro", "rw"]) {
      expect(await run(`return db.query("SELECT n FROM t", [], { mode: "${mode}" })`)).toMatchObject({ reason: "UNSAFE_INTEGER" });
    }
    expect(await run(`return db.query("DROP TABLE t")`)).toMatchObject({ rows: [] });
  });

  it("explain tells tables read and written without running", async () => {
    const run = inTenant();
    await run(
      `await db.batch([{ sql: "CREATE TABLE a (n INTEGER PRIMARY KEY, m)" }, { sql: "CREATE TABLE b (n)" }, { sql: "CREATE INDEX am ON a (m)" }])`,
    );
    expect(await run(`return db.explain("INSERT INTO b SELECT n FROM a WHERE m = ?", [1])`)).toMatchObject({
      readOnly: false,
      tablesRead: ["a"],
      tablesWritten: ["b"],
      plan: [expect.stringContaining("USING")],
    });
    expect(await run(`return db.explain("SELECT count(*) FROM a, b")`)).toMatchObject({
      readOnly: true,
      tablesRead: ["a", "b"],
      tablesWritten: [],
    });
    expect(await run(`return db.explain("DELETE FROM a")`)).toMatchObject({ tablesWritten: ["a"] });
    expect(await run(`return (await db.query("SELECT count(*) AS n FROM b")).rows`)).toEqual([{ n: 0 }]);
  });

  it("finds nothing of ours: no table, no document", async () => {
    const run = inTenant();
    await run(
      `await db.insert("users", { secret: 1 }); await db.query("CREATE TABLE mine (n)", [], { idempotencyKey: "k" }); await db.migrate([{ id: "1", sql: "SELECT 1" }])`,
    );
    // The runtime's own table shows its name and nothing else.
    expect(await run(`return (await db.query("SELECT name FROM sqlite_schema")).rows`)).toEqual([{ name: "mine" }, { name: "_cf_KV" }]);
    for (const table of ["_cf_KV", "_cf_METADATA", "documents", "collections", "changes", "docs_1", "_do_once", "staged"]) {
      expect(await run(`return db.query("SELECT * FROM " + input)`, table)).toMatchObject({ reason: "SQL_ERROR" });
    }
  });
});

describe("migrate", () => {
  it("applies once, in order, whole", async () => {
    const run = inTenant();
    const [a, b, c] = [
      {
        id: "1",
        sql: "CREATE TABLE t (n); CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET n = n + 1; SELECT 1; END; INSERT INTO t VALUES (1);",
      },
      { id: "2", sql: "-- a comment; with a semicolon\nALTER TABLE t ADD COLUMN s TEXT DEFAULT 'a;b'" },
      { id: "3", sql: "INSERT INTO t VALUES (5, 'x'); INSERT INTO nowhere VALUES (1)" },
    ];
    expect(await run(`return db.migrate(input)`, [a, b])).toEqual({ applied: ["1", "2"], skipped: [] });
    expect(await run(`return db.migrate(input)`, [a, b, c])).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "SQL_ERROR",
      details: { migration: "3" },
    });
    expect(await run(`return db.migrate(input)`, [a, b, { ...c, sql: "INSERT INTO t VALUES (7, 'y')" }])).toEqual({
      applied: ["3"],
      skipped: ["1", "2"],
    });
    expect(await run(`return (await db.query("SELECT n, s FROM t ORDER BY n")).rows`)).toEqual([
      { n: 3, s: "a;b" },
      { n: 8, s: "y" },
    ]);
    expect(await run(`return db.migrate(input)`, [a, { ...b, sql: "SELECT 1" }])).toMatchObject({
      code: "UNPROCESSABLE",
      reason: "CHECKSUM",
    });
    expect(await run(`return db.migrate(input)`, [{ id: "0", sql: "SELECT 1" }, a])).toMatchObject({
      code: "UNPROCESSABLE",
      reason: "OUT_OF_ORDER",
    });
  });
});
