import * as fc from "fast-check";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

/** The same random statements, on db over HTTP and on Node's own SQLite: the same rows, or both an error. */

/** Two thousand of both kinds; as many of each in the long run. */
const SEQUENCES = process.env["SOAK"] ? 2_000 : 1_000;
const AT_ONCE = 50;

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

interface Statement {
  sql: string;
  params: (string | number | null)[];
}
type Step = Statement | { batch: Statement[] };

const TABLES = ["ta", "tb"];
const COLUMNS = ["id", "n", "r", "s"];
const SETUP = TABLES.flatMap((table) => [
  `DROP TABLE IF EXISTS ${table}`,
  `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, n INTEGER, r REAL, s TEXT UNIQUE CHECK (s <> 'no'))`,
]);

const table = fc.constantFrom(...TABLES);
const column = fc.constantFrom(...COLUMNS);
const value = fc.oneof(
  fc.integer({ min: -5, max: 20 }),
  fc.constantFrom(0.5, -1.25, 1e10, 9007199254740991),
  fc.constantFrom("a", "b", "B", "ab", "no", "", "it's; --", "é", "🐋", "10", "1e1"),
  fc.constant(null),
);

/** An expression over columns of one row. */
const expression = fc.letrec<{ e: string }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    column,
    fc.integer({ min: -3, max: 12 }).map(String),
    fc.constantFrom("'a'", "'B'", "NULL", "0.5", "x'6162'"),
    fc
      .tuple(tie("e"), fc.constantFrom("+", "-", "*", "/", "%", "||", "=", "<>", "<", "<=", "AND", "OR", "IS", "&"), tie("e"))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(fc.constantFrom("abs", "length", "upper", "typeof", "hex", "round", "trim", "quote"), tie("e")).map(([f, a]) => `${f}(${a})`),
    fc.tuple(tie("e"), tie("e")).map(([a, b]) => `coalesce(${a}, ${b})`),
    fc.tuple(tie("e"), tie("e"), tie("e")).map(([a, b, c]) => `CASE WHEN ${a} THEN ${b} ELSE ${c} END`),
    tie("e").map((a) => `(NOT ${a})`),
    fc.tuple(tie("e"), fc.constantFrom("'a%'", "'_'", "'%B%'")).map(([a, p]) => `(${a} LIKE ${p})`),
    fc.tuple(tie("e"), tie("e"), tie("e")).map(([a, b, c]) => `(${a} BETWEEN ${b} AND ${c})`),
    fc.tuple(tie("e"), tie("e")).map(([a, b]) => `(${a} IN (${b}, 1, 'a'))`),
  ),
})).e;

const insert = fc
  .tuple(
    fc.constantFrom("INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE"),
    table,
    fc.option(fc.integer({ min: 1, max: 6 })),
    value,
    value,
    value,
  )
  .map(([verb, t, id, n, r, s]): Statement => ({ sql: `${verb} INTO ${t} (id, n, r, s) VALUES (?, ?, ?, ?)`, params: [id, n, r, s] }));
const upsert = fc.tuple(table, fc.integer({ min: 1, max: 6 }), value).map(([t, id, n]): Statement => ({
  sql: `INSERT INTO ${t} (id, n) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET n = excluded.n, s = NULL`,
  params: [id, n],
}));
const update = fc
  .tuple(table, fc.constantFrom("n", "r", "s"), expression, expression)
  .map(([t, c, e, w]): Statement => ({ sql: `UPDATE ${t} SET ${c} = ${e} WHERE ${w}`, params: [] }));
const remove = fc.tuple(table, expression, value).map(([t, e, v]): Statement => ({ sql: `DELETE FROM ${t} WHERE ${e} = ?`, params: [v] }));
const copy = fc
  .tuple(table, table, expression)
  .map(([t, f, w]): Statement => ({ sql: `INSERT INTO ${t} (n, r) SELECT n, r FROM ${f} WHERE ${w} ORDER BY id LIMIT 3`, params: [] }));
const select = fc.tuple(table, fc.array(expression, { minLength: 1, maxLength: 3 }), expression, value).map(([t, es, w, v]): Statement => ({
  sql: `SELECT ${es.map((e, i) => `${e} AS c${i}`).join(", ")} FROM ${t} WHERE ${w} IS NOT ? ORDER BY id`,
  params: [v],
}));
const group = fc.tuple(table, expression, expression).map(([t, g, e]): Statement => ({
  sql: `SELECT ${g} AS g, count(*) AS n, count(DISTINCT ${e}) AS d, min(${e}) AS low, max(${e}) AS high FROM ${t} GROUP BY 1 ORDER BY 1`,
  params: [],
}));
const join = fc.tuple(fc.constantFrom("JOIN", "LEFT JOIN"), column, column).map(([kind, a, b]): Statement => ({
  sql: `SELECT a.id AS a, b.id AS b FROM ta a ${kind} tb b ON a.${a} = b.${b} ORDER BY 1, 2`,
  params: [],
}));
const windowed = expression.map((e): Statement => ({
  sql: `SELECT id, rank() OVER (ORDER BY ${e}) AS place FROM ta ORDER BY id`,
  params: [],
}));
const recursive = fc.integer({ min: 0, max: 20 }).map((n): Statement => ({
  sql: "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?) SELECT count(*) AS n FROM c",
  params: [n],
}));
const schema = fc.constantFrom<Statement>(
  { sql: "CREATE INDEX IF NOT EXISTS ta_n ON ta (n)", params: [] },
  { sql: "CREATE TRIGGER IF NOT EXISTS tr AFTER INSERT ON ta BEGIN UPDATE tb SET n = n + 1; END", params: [] },
  { sql: "ALTER TABLE tb ADD COLUMN extra DEFAULT 'x'", params: [] },
  { sql: "SELECT nothing FROM ta", params: [] },
);
const written = fc.oneof({ arbitrary: insert, weight: 5 }, upsert, { arbitrary: update, weight: 2 }, remove, copy);
const statement = fc.oneof({ arbitrary: written, weight: 3 }, { arbitrary: select, weight: 3 }, group, join, windowed, recursive, {
  arbitrary: schema,
  weight: 1,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: statement, weight: 6 },
  fc.array(written, { minLength: 1, maxLength: 4 }).map((batch) => ({ batch })),
);
const STATE: Step[] = TABLES.map((t) => ({ sql: `SELECT * FROM ${t} ORDER BY id`, params: [] }));
const sequence = fc.array(step, { minLength: 3, maxLength: 12 }).map((steps) => [...steps, ...STATE]);

const CODE = `const all = [];
for (const steps of input.sequences) {
  for (const sql of input.setup) await db.query(sql);
  const out = [];
  for (const step of steps) {
    try { out.push(step.batch ? (await db.batch(step.batch)).map((r) => r.rows) : (await db.query(step.sql, step.params)).rows) }
    catch (error) { if (!["INVALID_ARGUMENT", "CONFLICT"].includes(error.code)) throw error; out.push("error") }
  }
  all.push(JSON.stringify(out, (_key, value) => value instanceof Uint8Array ? [...value] : value));
}
return all;`;

async function ofDb(sequences: Step[][]): Promise<string[]> {
  const answer = (await (await host.execute({ code: CODE, input: { sequences, setup: SETUP }, timeoutMs: 60_000 })).json()) as {
    result?: string[];
    error?: unknown;
  };
  expect(answer.error).toBeUndefined();
  return answer.result ?? [];
}

function ofNode(steps: readonly Step[]): string {
  const db = new DatabaseSync(":memory:");
  for (const sql of SETUP) db.exec(sql);
  const run = ({ sql, params }: Statement): unknown => {
    const prepared = db.prepare(sql);
    return prepared.all(...(params as SQLInputValue[]));
  };
  const out = steps.map((one) => {
    db.exec("SAVEPOINT one");
    try {
      const rows = "batch" in one ? one.batch.map(run) : run(one);
      // db refuses to answer a number that may be a rounded integer; Node does so for integers only.
      if (hasAmbiguous(rows)) throw new Error("ambiguous");
      db.exec("RELEASE one");
      return rows;
    } catch {
      db.exec("ROLLBACK TO one; RELEASE one");
      return "error";
    }
  });
  db.close();
  return JSON.stringify(out, (_key, cell: unknown) => (cell instanceof Uint8Array ? [...cell] : cell));
}

function hasAmbiguous(cell: unknown): boolean {
  if (typeof cell === "number") return Number.isInteger(cell) && !Number.isSafeInteger(cell) && Math.abs(cell) <= 2 ** 63;
  return typeof cell === "object" && cell !== null && !(cell instanceof Uint8Array) && Object.values(cell).some(hasAmbiguous);
}

it(`${SEQUENCES} random sequences of statements do what SQLite does`, async () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
  const sequences = fc.sample(sequence, { numRuns: SEQUENCES, seed });
  let rows = 0;
  for (let from = 0; from < sequences.length; from += AT_ONCE) {
    const some = sequences.slice(from, from + AT_ONCE);
    const answers = await ofDb(some);
    some.forEach((steps, i) => {
      const wanted = ofNode(steps);
      rows += wanted.split("{").length - 1;
      expect({ seed, steps, out: answers[i] }).toEqual({ seed, steps, out: wanted });
    });
  }
  // It has compared something.
  expect(rows).toBeGreaterThan(SEQUENCES);
}, 120_000);
