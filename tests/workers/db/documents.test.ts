import { describe, expect, it } from "vitest";
import { newTenant } from "../support.ts";
import { dbOf, inTenant } from "./support.ts";

const PEOPLE = `await Promise.all([
  ["ada", { name: "Ada", age: 36, city: { name: "London" }, tags: ["math", "poetry"], active: true }],
  ["alan", { name: "Alan", age: 41, city: { name: "London" }, tags: ["math"], active: false }],
  ["grace", { name: "Grace", age: 85, city: { name: "New York" }, tags: [], active: true, retired: null }],
  ["linus", { name: "linus", age: "unknown", tags: "none" }],
].map(([id, data]) => db.insert("people", data, { id })));`;

describe("writing", () => {
  it("insert makes an id, and refuses one that is there", async () => {
    const run = inTenant();
    expect(await run(`return db.insert("c", { n: 1 })`)).toMatchObject({ id: expect.stringMatching(/^doc_[0-9A-Z]{26}$/), version: 1 });
    await run(`await db.insert("c", {}, { id: "x" })`);
    expect(await run(`return db.insert("c", {}, { id: "x" })`)).toMatchObject({ code: "CONFLICT", reason: "EXISTS" });
  });

  it("patch is RFC 7396, and needs a document", async () => {
    const run = inTenant();
    await run(`await db.insert("c", { a: 1, b: { c: 2, d: 3 }, e: [1, 2] }, { id: "x" })`);
    expect(await run(`return (await db.patch("c", "x", { a: null, b: { c: 9, d: null, f: {} }, e: [3] })).data`)).toEqual({
      b: { c: 9, f: {} },
      e: [3],
    });
    expect(await run(`return db.patch("c", "x", { a: 1 }, { ifVersion: 1 })`)).toMatchObject({
      code: "PRECONDITION_FAILED",
      details: { version: 2 },
    });
    expect(await run(`return db.patch("c", "y", {})`)).toMatchObject({ code: "NOT_FOUND", reason: "NO_DOCUMENT" });
    expect(await run(`return (await db.upsert("c", "x", { g: 1 }, { merge: true })).entity.data`)).toMatchObject({ g: 1, e: [3] });
  });

  it("__proto__ is a name like any other", async () => {
    const run = inTenant();
    const code = `await db.insert("c", JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}'), { id: "x" });
      await db.patch("c", "x", JSON.parse('{"__proto__": {"b": 2}}'));
      return JSON.stringify((await db.get("c", "x", { fields: ["__proto__.b", "constructor"] })).data)`;
    expect(await run(code)).toBe('{"__proto__":{"b":2},"constructor":2}');
  });

  it("deleteMany and patchMany change what a filter finds, up to a limit", async () => {
    const run = inTenant();
    await run(`for (let n = 0; n < 10; n++) await db.insert("c", { n }, { id: "d" + n })`);
    expect(await run(`return db.patchMany("c", { n: { gte: 5 } }, { big: true })`)).toEqual({ patched: 5 });
    expect(await run(`return db.count("c", { big: true })`)).toEqual({ count: 5 });
    expect(await run(`return db.deleteMany("c", { n: { lt: 5 } }, { limit: 2 })`)).toEqual({ deleted: 2 });
    expect(await run(`return (await db.list("c")).items.map((d) => d.id)`)).toEqual(["d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9"]);
  });

  it("atomic does all or nothing", async () => {
    const run = inTenant();
    await run(`await db.insert("a", { n: 10 }, { id: "x" }); await db.insert("b", { n: 0 }, { id: "y" })`);
    const move = (version: number) => `return db.atomic({
      checks: [{ collection: "a", id: "x", version: ${version} }, { collection: "b", id: "z", version: 0 }],
      mutations: [{ op: "patch", collection: "a", id: "x", patch: { n: 5 } }, { op: "upsert", collection: "b", id: "y", data: { n: 5 } }, { op: "delete", collection: "b", id: "none" }] })`;
    expect(await run(move(1))).toMatchObject({ entities: [{ version: 2, data: { n: 5 } }, { version: 2 }, null] });
    expect(await run(move(1))).toMatchObject({
      code: "CONFLICT",
      reason: "CHECK_FAILED",
      details: { collection: "a", id: "x", version: 2 },
    });
    const halfway = `return db.atomic({ mutations: [{ op: "patch", collection: "a", id: "x", patch: { n: 0 } }, { op: "insert", collection: "new", id: "1", data: {} }, { op: "insert", collection: "b", id: "y", data: {} }] })`;
    expect(await run(halfway)).toMatchObject({ code: "CONFLICT", reason: "EXISTS" });
    expect(await run(`return [(await db.get("a", "x")).data.n, (await db.listCollections()).items.map((c) => c.name)]`)).toEqual([
      5,
      ["a", "b"],
    ]);
  });

  it("a document leaves when its time is over, and leaves a change behind", async () => {
    const run = inTenant();
    await run(`await db.insert("c", {}, { id: "x", ttlSeconds: 1 }); await db.insert("c", {}, { id: "y" })`);
    expect(await run(`return (await db.list("c")).items.map((d) => d.id)`)).toEqual(["x", "y"]);
    const gone = `for (;;) { const page = await db.changes("c", { since, waitMs: 5000 }); if (page.items.some((c) => c.op === "delete" && c.id === "x")) break; since = page.cursor }`;
    await run(`let since = (await db.changes("c")).cursor; ${gone}`);
    expect(await run(`return [await db.get("c", "x"), (await db.insert("c", {}, { id: "x" })).version]`)).toEqual([null, 1]);
  });
});

describe("filters", () => {
  const run = inTenant();
  it.each([
    [`{}`, ["ada", "alan", "grace", "linus"]],
    [`{ name: "Ada" }`, ["ada"]],
    [`{ age: { gte: 41 } }`, ["alan", "grace"]],
    [`{ age: { gt: "a" } }`, ["linus"]],
    [`{ age: { ne: 36 } }`, ["alan", "grace", "linus"]],
    [`{ "city.name": "London", active: true }`, ["ada"]],
    [`{ active: { in: [false, null] } }`, ["alan", "linus"]],
    [`{ active: 1 }`, []],
    [`{ age: "36" }`, []],
    [`{ age: { in: [36, "unknown", 1e300] } }`, ["ada", "linus"]],
    [`{ age: { nin: [36] } }`, ["alan", "grace", "linus"]],
    [`{ age: { in: [] } }`, []],
    [`{ retired: null }`, ["ada", "alan", "grace", "linus"]],
    [`{ retired: { exists: true } }`, ["grace"]],
    [`{ city: { exists: false } }`, ["linus"]],
    [`{ tags: { has: "math" } }`, ["ada", "alan"]],
    [`{ "tags[1]": "poetry" }`, ["ada"]],
    [`{ tags: { contains: "on" } }`, ["linus"]],
    [`{ name: { startsWith: "A" } }`, ["ada", "alan"]],
    [`{ name: { endsWith: "a" } }`, ["ada"]],
    [`{ name: { like: "L%" } }`, []],
    [`{ name: { ilike: "L%" } }`, ["linus"]],
    [`{ name: { like: "%a_" } }`, ["alan"]],
    [`{ name: { like: "A[d]a" } }`, []],
    [`{ $or: [{ name: "Ada" }, { age: { gt: 80 } }] }`, ["ada", "grace"]],
    [`{ $or: [] }`, []],
    [`{ $and: [] }`, ["ada", "alan", "grace", "linus"]],
    [`{ $not: { "city.name": "London" } }`, ["grace", "linus"]],
    [`{ $id: { in: ["ada", "nobody"] } }`, ["ada"]],
    [`{ $version: 1, $createdAt: { gt: "2020-01-01T00:00:00Z" } }`, ["ada", "alan", "grace", "linus"]],
  ])("%s", async (where, ids) => {
    if (((await run(`return db.count("people")`)) as { count: number }).count === 0) await run(PEOPLE);
    expect(await run(`return (await db.list("people", { where: ${where} })).items.map((d) => d.id)`)).toEqual(ids);
  });

  it.each([
    [`{ age: { between: [1, 2] } }`, 'there is no operator "between"; there are eq, ne'],
    [`{ age: {} }`, "has no operator"],
    [`{ age: { gt: true } }`, "only numbers and strings have an order"],
    [`{ age: { in: 1 } }`, "take a list"],
    [`{ age: [1] }`, "must be compared with"],
    [`{ $or: {} }`, "$or must be a list"],
    [`{ $where: "1" }`, 'Cannot use the field "$where"'],
    [`{ "a\\"b": 1 }`, "must hold no quotes"],
    [`{ "a..b": 1 }`, "must be names between dots"],
    [`{ $version: "1" }`, "$version: must be compared with a number"],
    [`{ name: { like: "%".repeat(51) } }`, "at most 50 bytes"],
    [`{ $not: { $not: { $not: { $not: { $not: { $not: { $not: { $not: { $not: { a: 1 } } } } } } } } } }`, "at most 8 levels"],
    [`{ $or: Array.from({ length: 33 }, (_, n) => ({ n })) }`, "at most 32 conditions"],
    [`{ n: { in: Array.from({ length: 1001 }, (_, n) => n) } }`, "at most 1000 values"],
  ])("%s is refused by what is wrong", async (where, message) => {
    expect(await run(`return db.list("none", { where: ${where} })`)).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });
});

describe("lists", () => {
  it("are ordered, cut to fields, counted", async () => {
    const run = inTenant();
    await run(PEOPLE);
    expect(await run(`return (await db.list("people", { orderBy: ["-city.name", "age"] })).items.map((d) => d.id)`)).toEqual([
      "grace",
      "ada",
      "alan",
      "linus",
    ]);
    expect(
      await run(`return (await db.list("people", { orderBy: ["-$id"], limit: 1, fields: ["city.name", "tags[0]", "none"], count: true }))`),
    ).toMatchObject({
      items: [{ id: "linus", data: {} }],
      total: 4,
    });
    expect(await run(`return (await db.get("people", "ada", { fields: ["city.name", "age"] })).data`)).toEqual({
      city: { name: "London" },
      age: 36,
    });
    expect(await run(`return (await db.getMany("people", ["alan", "nobody", "ada"])).map((d) => d && d.id)`)).toEqual([
      "alan",
      null,
      "ada",
    ]);
  });

  it("have pages that stay in step while documents are written and deleted", async () => {
    const run = inTenant();
    await run(
      `for (let n = 0; n < 30; n++) await db.insert("c", { rank: n % 3 === 0 ? null : n % 3 }, { id: "d" + String(n).padStart(2, "0") })`,
    );
    const code = `const seen = []; let cursor;
      do {
        const page = await db.list("c", { orderBy: ["-rank"], limit: 7, cursor });
        seen.push(...page.items.map((d) => d.id));
        cursor = page.cursor;
        // Before and after the place of the cursor, neither moves it.
        await db.insert("c", { rank: 3 }, {}); await db.delete("c", seen[0]);
      } while (cursor);
      return seen`;
    const seen = (await run(code)) as string[];
    expect(seen).toHaveLength(30);
    expect(new Set(seen).size).toBe(30);
  });

  it("a cursor is of one list", async () => {
    const run = inTenant();
    await run(PEOPLE);
    const { cursor } = (await run(`return db.list("people", { limit: 1 })`)) as { cursor: string };
    for (const code of [
      `db.list("people", { limit: 1, orderBy: ["age"], cursor })`,
      `db.list("other", { cursor })`,
      `db.list("people", { cursor: cursor + "x" })`,
      `db.list("people", { cursor: "e30" })`,
    ]) {
      expect(await run(`const cursor = input; return ${code}`, cursor)).toMatchObject({ code: "INVALID_ARGUMENT", reason: "BAD_CURSOR" });
    }
  });

  it("aggregate groups and measures", async () => {
    const run = inTenant();
    await run(PEOPLE);
    expect(
      await run(
        `return db.aggregate("people", { groupBy: ["active"], metrics: { n: "count", oldest: { max: "age" }, years: { sum: "age" }, mean: { avg: "age" }, cities: { countDistinct: "city.name" } } })`,
      ),
    ).toEqual([
      { key: { active: null }, metrics: { n: 1, oldest: "unknown", years: 0, mean: null, cities: 0 } },
      { key: { active: false }, metrics: { n: 1, oldest: 41, years: 41, mean: 41, cities: 1 } },
      { key: { active: true }, metrics: { n: 2, oldest: 85, years: 121, mean: 60.5, cities: 2 } },
    ]);
    expect(await run(`return db.aggregate("people", { metrics: { n: "count" }, where: { age: { lt: 50 } } })`)).toEqual([
      { key: {}, metrics: { n: 2 } },
    ]);
  });
});

describe("a collection's handle", () => {
  it("has the collection's methods, in code and for a caller", async () => {
    const run = inTenant();
    const code = `const users = db.collection("users");
      await users.insert({ name: "Ada" }, { id: "ada" });
      return [(await users.get("ada")).data.name, (await env.DO.db.collection("users").list({ where: { name: "Ada" } })).items.length]`;
    expect(await run(code)).toEqual(["Ada", 1]);
    expect(await run(`return db.collection("1").get("x")`)).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await run(`return db.collection("users").query("SELECT 1").catch((e) => e.name)`)).toBe("TypeError");
  });
});

describe("answers that would be too large", () => {
  const PAD = `const pad = input.repeat(300_000); for (let n = 0; n < 40; n++) await db.upsert("big", "d" + n, { pad, n })`;

  it.each(["x", "☃"])("of %s: pages end early, what cannot end early is refused", async (character) => {
    const run = inTenant();
    await run(PAD, character);
    const all = `let n = 0, pages = 0, cursor; do { const page = await db.list("big", { cursor }); n += page.items.length; pages++; cursor = page.cursor } while (cursor); return [n, pages > 1]`;
    // Written as they are, forty times 300,000 characters fit when each is a byte, and do not when each is two.
    expect(await run(all)).toEqual([40, character === "☃"]);
    const feed = `let n = 0, since; for (;;) { const page = await db.changes("big", { since }); if (page.items.length === 0) return n; n += page.items.length; since = page.cursor }`;
    expect(await run(feed)).toBe(40);
    const few = `return (await db.getMany("big", Array.from({ length: 20 }, (_, n) => "d" + n))).length`;
    expect(await run(few)).toBe(20);
    const many = `return db.getMany("big", Array.from({ length: 1000 }, (_, n) => "d" + (n % 40)))`;
    expect(await run(many)).toMatchObject({ code: "TOO_LARGE" });
    const patched = `return db.atomic({ mutations: Array.from({ length: 200 }, (_, n) => ({ op: "patch", collection: "big", id: "d" + (n % 40), patch: { n } })) })`;
    expect(await run(patched)).toMatchObject({ code: "TOO_LARGE" });
    expect(await run(`return (await db.get("big", "d0")).version`)).toBe(1);
    expect(await run(`return (await db.aggregate("big", { groupBy: ["n"], metrics: { n: "count" } })).length`)).toBe(40);
    await run(
      `await db.patchMany("big", {}, { same: 1 }); for (let n = 0; n < 40; n++) await db.patch("big", "d" + n, { pad: null, key: n + input.repeat(300_000) })`,
      character,
    );
    const groups = `return db.aggregate("big", { groupBy: ["key", "n", "same"], metrics: { low: { min: "key" }, high: { max: "key" } } }).then((r) => r.length)`;
    expect(await run(groups)).toMatchObject({ code: "TOO_LARGE" });
    // Nothing stays locked.
    expect(await run(`return db.dropCollection("big")`)).toEqual({ dropped: true });
  });
});

describe("idempotency keys", () => {
  it("are a principal's own", async () => {
    const tenant = newTenant();
    const [ada, eve] = [dbOf(tenant, { id: "ada" }), dbOf(tenant, { id: "eve" })];
    const options = { id: "x", idempotencyKey: "k" };
    await ada.insert("c", { n: 1 }, options);
    expect((await ada.insert("c", { n: 1 }, options)).version).toBe(1);
    await expect(eve.insert("c", { n: 1 }, options)).rejects.toMatchObject({ code: "CONFLICT", reason: "EXISTS" });
  });
});
