import { describe, expect, it } from "vitest";
import { checkStatement, splitStatements } from "../../workers/core-services/db/sql/statement.ts";

describe("checkStatement()", () => {
  it.each([
    "SELECT 1",
    "SELECT 1;",
    "SELECT 1 ; ;",
    "SELECT ';'",
    'SELECT ";"',
    "SELECT `;`",
    "SELECT [;]",
    "SELECT 1 -- ; x",
    "SELECT 1 /* ; */",
    "SELECT 'it''s;'",
    "SELECT 1 /* ;",
  ])("%s is one", (sql) => {
    expect(() => checkStatement(sql)).not.toThrow();
  });

  it.each(["SELECT 1; SELECT 2", "SELECT 1;SELECT 2;", "SELECT '';x", "SELECT 1 -- \n;x", "SELECT [a];x", "SELECT 1 /* */;x"])(
    "%s is more",
    (sql) => {
      expect(() => checkStatement(sql)).toThrow("one statement per call");
    },
  );

  it.each([
    ["SELECT $a(');DROP TABLE t;--')", "no named ones"],
    ["SELECT 1 WHERE a = :a", "no named ones"],
    ["SELECT 1\0", "NUL"],
    ["", "no statement"],
    [" ; -- x", "no statement"],
    ["PRAGMA foreign_keys = 0", "no such PRAGMA"],
    ["PRAGMA table_info = t", "no such PRAGMA"],
    ["EXPLAIN QUERY PLAN PRAGMA main.recursive_triggers(1)", "no such PRAGMA"],
    ["CREATE TRIGGER begin AFTER INSERT ON end BEGIN SELECT 1; END; SELECT 2", "one statement per call"],
  ])("%j is refused", (sql, message) => {
    expect(() => checkStatement(sql)).toThrow(message);
  });

  it("a dollar inside a name is a name's", () => {
    expect(() => checkStatement("SELECT a$b FROM t$ WHERE x = ?1")).not.toThrow();
  });

  it("a trigger ends with the END of its BEGIN", () => {
    const trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; INSERT INTO b VALUES ('END;'); END";
    expect(() => checkStatement(`${trigger};`)).not.toThrow();
    expect(() => checkStatement(`${trigger}; SELECT CASE WHEN 1 THEN 2 END`)).toThrow("one statement per call");
  });

  it("a statement at its size passes, one byte over does not", () => {
    const fill = (bytes: number) => `SELECT '${"x".repeat(bytes - 9)}'`;
    expect(() => checkStatement(fill(100_000))).not.toThrow();
    expect(() => checkStatement(fill(100_001))).toThrow("at most 100000 bytes, got 100001");
  });

  it.each(["[", "'", '"', "`", "/*", "--", "' ", "[ "])("ends soon on a great many %j", (part) => {
    const startedMs = performance.now();
    checkStatement(`SELECT ${part.repeat(Math.floor(99_000 / part.length))}`);
    expect(performance.now() - startedMs).toBeLessThan(500);
  });
});

describe("splitStatements()", () => {
  it.each([
    ["", []],
    [" ;; -- nothing", []],
    ["SELECT 1; SELECT ';'; -- x", ["SELECT 1;", " SELECT ';';"]],
    [
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END; SELECT 3",
      ["CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END", " SELECT 3"],
    ],
  ])("%j", (script, statements) => {
    expect(splitStatements(script).map((text) => text.replace(/^;/, ""))).toEqual(statements);
  });
});
