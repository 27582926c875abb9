import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";
import { Model, type Op } from "../support/documents-model.ts";

/** The same random operations on db and on a plain model in memory: the same answers, and the same documents at the end. */

/** Two thousand of both kinds; as many of each in the long run. */
const SEQUENCES = process.env["SOAK"] ? 2_000 : 1_000;
const AT_ONCE = 50;

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

const id = fc.constantFrom("a", "b", "c", "B", "é", "z/1", "🐋");
const scalar = fc.oneof(
  fc.integer({ min: -3, max: 5 }),
  fc.constantFrom(0.5, -1.5, 1e21, 9007199254740991),
  fc.constantFrom("", "a", "ab", "B", "b%", "a_", "é", "🐋", "\uFFFD", "it's", '"', "*", "[x]", "1", "true"),
  fc.boolean(),
  fc.constant(null),
);
const path = fc.constantFrom("n", "s", "in.deep", "tags", "tags[0]", "none", "we ird", "it's");
const data = fc.record(
  {
    n: scalar,
    s: scalar,
    in: fc.oneof(scalar, fc.record({ deep: scalar, other: scalar }, { requiredKeys: [] })),
    tags: fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    "we ird": scalar,
    "it's": scalar,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, unknown>>;

const ordered = fc.oneof(fc.integer({ min: -3, max: 5 }), fc.constantFrom(0.5, "a", "B", "é", "🐋", ""));
const text = fc.constantFrom("", "a", "b", "é", "🐋", "%", "*");
const condition = fc.oneof(
  fc.tuple(path, scalar).map(([p, v]) => ({ [p]: v })),
  fc.tuple(path, fc.constantFrom("eq", "ne", "has"), scalar).map(([p, op, v]) => ({ [p]: { [op]: v } })),
  fc.tuple(path, fc.constantFrom("gt", "gte", "lt", "lte"), ordered).map(([p, op, v]) => ({ [p]: { [op]: v } })),
  fc.tuple(path, fc.constantFrom("in", "nin"), fc.array(scalar, { maxLength: 4 })).map(([p, op, v]) => ({ [p]: { [op]: v } })),
  fc.tuple(path, fc.boolean()).map(([p, v]) => ({ [p]: { exists: v } })),
  fc.tuple(path, fc.constantFrom("contains", "startsWith", "endsWith"), text).map(([p, op, v]) => ({ [p]: { [op]: v } })),
  fc.tuple(path, fc.constantFrom("a%", "_", "%b\\%", "[x]", "%", "", "*", "\\*")).map(([p, v]) => ({ [p]: { like: v } })),
  fc.tuple(id, fc.constantFrom("eq", "ne", "gt", "lte")).map(([v, op]) => ({ $id: { [op]: v } })),
  fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom("eq", "gt", "lt")).map(([v, op]) => ({ $version: { [op]: v } })),
);
const where = fc.letrec<{ w: Record<string, unknown> }>((tie) => ({
  w: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    condition as fc.Arbitrary<Record<string, unknown>>,
    fc.tuple(condition, condition).map(([a, b]) => ({ ...a, ...b })),
    fc.array(tie("w"), { maxLength: 3 }).map(($or) => ({ $or })),
    fc.array(tie("w"), { maxLength: 3 }).map(($and) => ({ $and })),
    tie("w").map(($not) => ({ $not })),
  ),
})).w;
const orderBy = fc.array(
  fc.tuple(fc.constantFrom("", "-"), fc.constantFrom("n", "s", "in.deep", "$version", "$id")).map(([sign, p]) => sign + p),
  { maxLength: 2 },
);
const ifVersion = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 3 });

const mutation = fc.oneof(
  fc.record({ op: fc.constant("insert" as const), id, data, ifVersion: fc.constant(undefined) }),
  fc.record({ op: fc.constant("upsert" as const), id, data, ifVersion, merge: fc.boolean() }),
  fc.record({ op: fc.constant("patch" as const), id, patch: data, ifVersion }),
  fc.record({ op: fc.constant("delete" as const), id, ifVersion: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }) }),
);
const op: fc.Arbitrary<Op> = fc.oneof(
  { arbitrary: mutation.map((one): Op => ({ kind: "write", mutation: one })), weight: 6 },
  fc.record({
    kind: fc.constant("atomic" as const),
    checks: fc.array(fc.record({ id, version: fc.integer({ min: 0, max: 2 }) }), { maxLength: 1 }),
    mutations: fc.array(mutation, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("get" as const), id }),
  { arbitrary: fc.record({ kind: fc.constant("list" as const), where, orderBy, limit: fc.integer({ min: 1, max: 4 }) }), weight: 4 },
  fc.record({ kind: fc.constant("count" as const), where }),
  fc.record({ kind: fc.constant("groups" as const), field: fc.constantFrom("n", "s", "in.deep"), where }),
  fc.record({ kind: fc.constant("deleteMany" as const), where, limit: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("patchMany" as const), where, patch: data, limit: fc.integer({ min: 1, max: 3 }) }),
);
const sequence = fc.array(op, { minLength: 3, maxLength: 14 });

/** Runs operations, with all pages of a list; an error is its code. */
const CODE = `const all = [];
const mutate = (m) => m.op === "insert" ? db.insert("c", m.data, { id: m.id }).then((e) => [e.version, e.data])
  : m.op === "upsert" ? db.upsert("c", m.id, m.data, { ifVersion: m.ifVersion, merge: m.merge }).then(({ entity: e }) => [e.version, e.data])
  : m.op === "patch" ? db.patch("c", m.id, m.patch, m.ifVersion ? { ifVersion: m.ifVersion } : {}).then((e) => [e.version, e.data])
  : db.delete("c", m.id, m.ifVersion ? { ifVersion: m.ifVersion } : {}).then((r) => r.deleted);
const run = async (op) => {
  switch (op.kind) {
    case "write": return mutate(op.mutation);
    case "atomic": return (await db.atomic({ checks: op.checks.map((c) => ({ collection: "c", ...c })), mutations: op.mutations.map((m) => ({ collection: "c", ...m })) })).entities.map((e) => e && [e.version, e.data]);
    case "get": { const e = await db.get("c", op.id); return e && [e.version, e.data]; }
    case "list": { const ids = []; let cursor; do { const page = await db.list("c", { where: op.where, orderBy: op.orderBy, limit: op.limit, cursor }); ids.push(page.items.map((d) => d.id)); cursor = page.cursor; } while (cursor); return ids; }
    case "count": return (await db.count("c", op.where)).count;
    case "groups": return (await db.aggregate("c", { groupBy: [op.field], metrics: { n: "count" }, where: op.where })).map((g) => [JSON.stringify(g.key[op.field]), g.metrics.n]).sort();
    case "deleteMany": return (await db.deleteMany("c", op.where, { limit: op.limit })).deleted;
    case "patchMany": return (await db.patchMany("c", op.where, op.patch, { limit: op.limit })).patched;
  }
};
for (const ops of input) {
  await db.dropCollection("c");
  const { cursor: since } = await db.changes("c", { since: "now" });
  const out = [];
  for (const op of ops) out.push(await run(op).catch((e) => { if (!e.code) throw e; return e.code; }));
  const documents = (await db.list("c")).items.map((d) => [d.id, d.version, d.data]);
  // What the feed says, put together, is what there is.
  const fed = new Map();
  for (const c of (await db.changes("c", { since, limit: 1000 })).items) if (c.op === "delete") fed.delete(c.id); else fed.set(c.id, [c.id, c.version, c.data]);
  const inStep = JSON.stringify(documents.map((d) => fed.get(d[0]))) === JSON.stringify(documents) && fed.size === documents.length;
  all.push(JSON.stringify({ out, documents, inStep }));
}
return all;`;

it(`${SEQUENCES} random sequences of operations do what a plain model does`, async () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
  const sequences = fc.sample(sequence, { numRuns: SEQUENCES, seed });
  let documents = 0;
  for (let from = 0; from < sequences.length; from += AT_ONCE) {
    const some = JSON.parse(JSON.stringify(sequences.slice(from, from + AT_ONCE))) as Op[][];
    const answer = (await (await host.execute({ code: CODE, input: some, timeoutMs: 60_000 })).json()) as {
      result?: string[];
      error?: unknown;
    };
    expect(answer.error).toBeUndefined();
    some.forEach((ops, i) => {
      const model = new Model();
      const wanted = JSON.stringify({ out: ops.map((one) => model.run(one)), documents: model.documents(), inStep: true });
      documents += model.documents().length;
      expect({ seed, ops, ...(JSON.parse(answer.result?.[i] ?? "{}") as object) }).toEqual({
        seed,
        ops,
        ...(JSON.parse(wanted) as object),
      });
    });
  }
  // It has compared something.
  expect(documents).toBeGreaterThan(SEQUENCES / 4);
}, 180_000);
