import { describe, expect, it } from "vitest";
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { newTenant } from "../support.ts";
import { dbOf, inTenant } from "./support.ts";

const SCHEMA = `{ type: "object", required: ["email"], properties: { email: { type: "string", maxLength: 50 }, age: { type: "integer", minimum: 0 } }, additionalProperties: false }`;

describe("a definition", () => {
  it("checks each write against its schema", async () => {
    const run = inTenant();
    await run(`await db.defineCollection("users", { schema: ${SCHEMA} })`);
    await run(`await db.insert("users", { email: "a@b.c", age: 1 }, { id: "a" })`);
    for (const code of [
      `db.insert("users", {})`,
      `db.insert("users", { email: 1 })`,
      `db.patch("users", "a", { age: -1 })`,
      `db.upsert("users", "a", { email: "x", more: 1 })`,
    ]) {
      expect(await run(`return ${code}`)).toMatchObject({ code: "UNPROCESSABLE", reason: "SCHEMA" });
    }
    expect(await run(`return (await db.get("users", "a")).version`)).toBe(1);
  });

  it.each([
    [`{ schema: { properties: { a: { $ref: "#" } } } }`, "schema.properties.a.$ref"],
    [`{ schema: { properties: { a: { pattern: "(a+)+$" } } } }`, "schema.properties.a.pattern"],
    [`{ schema: { items: { uniqueItems: true } } }`, "schema.items.uniqueItems"],
    [`{ schema: { format: "regex" } }`, "schema.format"],
    [`{ indexes: [["a'"], ["b\\""]] }`, "quotes"],
    [`{ indexes: [["$id"]] }`, "needs no index"],
    [`{ rules: { read: [{ where: { a: { nope: 1 } } }] } }`, "there is no operator"],
    [`{ ttlSeconds: 0 }`, "ttlSeconds"],
    [`{ more: 1 }`, "more"],
  ])("%s is refused", async (definition, message) => {
    expect(await inTenant()(`return db.defineCollection("c", ${definition})`)).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  it("a document may hold as many values as its schema can be checked for", async () => {
    const run = inTenant();
    // 3 parts and 997 alternatives: 2,000,000 / 1,000 values, of which the document and its list are two.
    await run(
      `await db.defineCollection("c", { schema: { properties: { a: { items: { anyOf: Array.from({ length: 995 }, (_, n) => ({ const: n })) } } } } })`,
    );
    const write = (values: number) => `return db.insert("c", { a: Array.from({ length: ${values} }, () => 994) }).then((e) => e.version)`;
    expect(await run(write(1_998))).toBe(1);
    expect(await run(write(1_999))).toMatchObject({ code: "TOO_LARGE", message: expect.stringContaining("a schema of 1000 parts") });
  });

  it("a property may have the name of a keyword", async () => {
    const run = inTenant();
    await run(`await db.defineCollection("c", { schema: { properties: { pattern: { type: "string" }, format: { type: "string" } } } })`);
    expect(await run(`return (await db.insert("c", { pattern: "x", format: "y" })).version`)).toBe(1);
  });

  it("keeps unique what must be, for those that have it", async () => {
    const run = inTenant();
    await run(`await db.defineCollection("users", { unique: [["email"], ["org", "name"]], indexes: [["age"]] })`);
    await run(
      `await db.insert("users", { email: "a", org: 1, name: "x" }, { id: "a" }); await db.insert("users", {}); await db.insert("users", {})`,
    );
    expect(await run(`return db.insert("users", { email: "a" }, { id: "b" })`)).toMatchObject({
      code: "CONFLICT",
      reason: "UNIQUE",
      details: { fields: ["email"] },
    });
    expect(await run(`return db.insert("users", { org: 1, name: "x" }, { id: "b" })`)).toMatchObject({
      code: "CONFLICT",
      details: { fields: ["org", "name"] },
    });
    expect(await run(`return (await db.insert("users", { org: 2, name: "x", email: "b" }, { id: "b" })).version`)).toBe(1);
  });

  it("a document whose time is over holds no unique value", async () => {
    const tenant = newTenant();
    const at = (nowMs: number) => dbOf(tenant, { now: () => nowMs });
    const later = Date.now() + 3_600_000;
    await at(later).defineCollection("c", { unique: [["n"]], ttlSeconds: 60 });
    await at(later).insert("c", { n: 1 }, { id: "a" });
    await expect(at(later + 59_999).insert("c", { n: 1 }, { id: "b" })).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await at(later + 60_000).insert("c", { n: 1 }, { id: "b" })).version).toBe(1);
  });

  it("indexes are used", async () => {
    const tenant = newTenant();
    await inTenant(tenant)(`await db.defineCollection("c", { indexes: [["a", "b.c"]] }); await db.insert("c", { a: 1, b: { c: "x" } })`);
    const plan = await runInDurableObject(env.DATABASE.getByName(tenant), (_instance, state) =>
      state.storage.sql
        .exec<{ detail: string }>(
          `EXPLAIN QUERY PLAN SELECT * FROM docs_1 d WHERE (json_extract(d.data, '$."a"') = ? AND json_type(d.data, '$."a"') IN ('integer','real')) AND (json_extract(d.data, '$."b"."c"') = ? AND 1)`,
          1,
          "x",
        )
        .toArray(),
    );
    expect(plan[0]?.detail).toContain("docs_1_index_0");
  });

  it("changes when what is stored fits, and says why not when it does not", async () => {
    const run = inTenant();
    await run(
      `await db.insert("users", { email: "a" }, { id: "1" }); await db.insert("users", { email: "a" }, { id: "2" }); await db.insert("users", {}, { id: "3" })`,
    );
    expect(await run(`return db.defineCollection("users", { schema: ${SCHEMA} })`)).toMatchObject({
      code: "CONFLICT",
      reason: "STORED_DOCUMENTS",
      details: { count: 1, documents: [{ id: "3" }] },
    });
    expect(await run(`return db.defineCollection("users", { unique: [["email"]] })`)).toMatchObject({
      code: "CONFLICT",
      reason: "NOT_UNIQUE",
      details: { ids: ["1", "2"] },
    });
    expect(await run(`return (await db.describe("users")).definition`)).toEqual({});
    await run(`await db.delete("users", "3"); await db.patch("users", "2", { email: "b" })`);
    expect(await run(`return db.defineCollection("users", { schema: ${SCHEMA}, unique: [["email"]], ttlSeconds: 60 })`)).toMatchObject({
      name: "users",
      documents: 2,
    });
    expect(await run(`return db.defineCollection("users", { indexes: [["age"]] })`)).toMatchObject({ definition: { indexes: [["age"]] } });
    expect(await run(`return (await db.insert("users", { email: "a" })).version`)).toBe(1);
  });

  it("collections are listed, described, dropped", async () => {
    const run = inTenant();
    await run(
      `await db.insert("b", {}); await db.defineCollection("a", { search: { fields: ["t"] } }); await db.insert("a", { t: "x" }, { id: "1" })`,
    );
    expect(await run(`return (await db.listCollections()).items.map((c) => c.name)`)).toEqual(["a", "b"]);
    expect(await run(`return [await db.describe("none"), (await db.describe("a")).documents]`)).toEqual([null, 1]);
    expect(await run(`return [await db.dropCollection("a"), await db.dropCollection("a"), await db.get("a", "1")]`)).toEqual([
      { dropped: true },
      { dropped: false },
      null,
    ]);
    expect(await run(`return (await db.changes("a")).items.map((c) => c.op)`)).toEqual(["insert", "delete"]);
    expect(await run(`return db.search("a", "x")`)).toMatchObject({ code: "UNSUPPORTED" });
  });
});

const as = (tenant: string, id: string, kind = "user", scopes = ["db:read", "db:write"]) => dbOf(tenant, { id, kind, scopes });

describe("rules", () => {
  const OWN = { where: { owner: "$principal.id" } };
  async function notes() {
    const tenant = newTenant();
    await as(tenant, "admin").defineCollection("notes", {
      search: { fields: ["text"] },
      rules: {
        read: [OWN, { where: { public: true } }, { scopes: ["db:review:notes"] }],
        create: [OWN],
        update: [OWN],
        delete: [{ ...OWN, kinds: ["user"] }],
      },
    });
    await as(tenant, "ada").insert("notes", { owner: "ada", text: "secret words" }, { id: "a" });
    await as(tenant, "bob").insert("notes", { owner: "bob", text: "public words", public: true }, { id: "b" });
    return tenant;
  }

  it("say which documents a principal sees, everywhere", async () => {
    const tenant = await notes();
    const eve = as(tenant, "eve");
    expect(await eve.get("notes", "a", undefined)).toBeNull();
    expect(await eve.getMany("notes", ["a", "b"], undefined)).toMatchObject([null, { id: "b" }]);
    expect((await eve.list("notes", {})).items.map(({ id }) => id)).toEqual(["b"]);
    expect(await eve.list("notes", { where: { $or: [{ owner: "ada" }, { $not: { owner: "x" } }] }, count: true })).toMatchObject({
      items: [{ id: "b" }],
      total: 1,
    });
    expect(await eve.count("notes", { owner: "ada" })).toEqual({ count: 0 });
    expect(await eve.aggregate("notes", { metrics: { n: "count", t: { max: "text" } } })).toEqual([
      { key: {}, metrics: { n: 1, t: "public words" } },
    ]);
    expect((await eve.search("notes", "words", {})).hits.map(({ id }) => id)).toEqual(["b"]);
    expect((await eve.changes("notes", {})).items.map(({ id }) => id)).toEqual(["b"]);
    expect((await as(tenant, "ada").list("notes", {})).items.map(({ id }) => id)).toEqual(["a", "b"]);
    expect((await as(tenant, "rex", "key", ["db:read", "db:review:*"]).list("notes", {})).items).toHaveLength(2);
  });

  it("say which documents a principal writes, before and after", async () => {
    const tenant = await notes();
    const eve = as(tenant, "eve");
    const denied = { code: "PERMISSION_DENIED", reason: "ROW_RULE" };
    await expect(eve.insert("notes", { owner: "ada" }, { id: "x" })).rejects.toMatchObject(denied);
    await expect(eve.upsert("notes", "a", { owner: "eve" }, {})).rejects.toMatchObject(denied);
    await expect(eve.upsert("notes", "b", { owner: "eve" }, {})).rejects.toMatchObject(denied);
    await expect(as(tenant, "ada").patch("notes", "a", { owner: "eve" }, {})).rejects.toMatchObject(denied);
    await expect(eve.patch("notes", "a", {}, {})).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(eve.patch("notes", "b", {}, {})).rejects.toMatchObject(denied);
    await expect(eve.delete("notes", "b", {})).rejects.toMatchObject(denied);
    await expect(as(tenant, "bob", "key").delete("notes", "b", {})).rejects.toMatchObject(denied);
    expect(await eve.delete("notes", "a", {})).toEqual({ deleted: false });
    await expect(eve.deleteMany("notes", {}, {})).rejects.toMatchObject(denied);
    await expect(
      eve.atomic({
        mutations: [
          { op: "insert", collection: "notes", id: "e", data: { owner: "eve" } },
          { op: "delete", collection: "notes", id: "b" },
        ],
      }),
    ).rejects.toMatchObject(denied);
    expect((await as(tenant, "rex", "key", ["db:review:*"]).list("notes", {})).items.map(({ id, version }) => [id, version])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(await as(tenant, "ada").delete("notes", "a", {})).toEqual({ deleted: true });
  });

  it("a change of a document is seen by whom it was readable for", async () => {
    const tenant = await notes();
    await as(tenant, "ada").delete("notes", "a", {});
    await as(tenant, "bob").patch("notes", "b", { public: false }, {});
    expect((await as(tenant, "eve").changes("notes", {})).items.map(({ op, id }) => [op, id])).toEqual([["insert", "b"]]);
    expect((await as(tenant, "ada").changes("notes", {})).items.map(({ op, id }) => [op, id])).toEqual([
      ["insert", "a"],
      ["insert", "b"],
      ["delete", "a"],
    ]);
  });
});
