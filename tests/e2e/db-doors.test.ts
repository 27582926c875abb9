import { PostgrestClient } from "@supabase/postgrest-js";
import Cloudflare from "cloudflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Session } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let session: Session;
beforeAll(async () => {
  host = await testHost();
  session = connect(host.url, host.rootKey);
});
afterAll(() => host.stop());

describe("D1, with Cloudflare's SDK", () => {
  const client = () => new Cloudflare({ apiToken: host.rootKey, baseURL: `${host.url}/d1`, maxRetries: 0 });
  const query = async (sql: string, params: string[] = []) => {
    const page = await client().d1.database.query("main", { account_id: "root", sql, params });
    return page.result;
  };

  it("makes tables, writes, reads with meta", async () => {
    await query("CREATE TABLE d1_users (id INTEGER PRIMARY KEY, name TEXT, data BLOB)");
    expect(await query("INSERT INTO d1_users (name, data) VALUES (?, x'0102')", ["Ada"])).toMatchObject([
      { success: true, results: [], meta: { changes: 1, last_row_id: 1, changed_db: true, rows_written: 1 } },
    ]);
    expect(await query("SELECT * FROM d1_users WHERE name = ?", ["Ada"])).toMatchObject([
      { success: true, results: [{ id: 1, name: "Ada", data: [1, 2] }], meta: { changes: 0, rows_read: 1 } },
    ]);
  });

  it("several statements in one text, and a batch, are one transaction", async () => {
    expect(await query("INSERT INTO d1_users (name) VALUES ('a;b'); SELECT count(*) AS n FROM d1_users")).toMatchObject([
      { results: [] },
      { results: [{ n: 2 }] },
    ]);
    const { result } = await client().d1.database.query("main", {
      account_id: "root",
      batch: [{ sql: "INSERT INTO d1_users (name) VALUES (?)", params: ["x"] }, { sql: "SELECT count(*) AS n FROM d1_users" }],
    });
    expect(result).toMatchObject([{ success: true }, { results: [{ n: 3 }] }]);
    await expect(query("DELETE FROM d1_users; INSERT INTO nowhere VALUES (1)")).rejects.toMatchObject({ status: 400 });
    expect(await query("SELECT count(*) AS n FROM d1_users")).toMatchObject([{ results: [{ n: 3 }] }]);
  });

  it("raw answers rows as lists", async () => {
    const page = await client().d1.database.raw("main", { account_id: "root", sql: "SELECT 1 AS a, 'x' AS b" });
    expect(page.result).toMatchObject([{ success: true, results: { columns: ["a", "b"], rows: [[1, "x"]] } }]);
  });

  it("errors are Cloudflare's, and names choose nothing", async () => {
    await expect(query("SELEC 1")).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 7500, message: expect.stringContaining("syntax error") }],
    });
    for (const [account, database, status] of [
      ["other", "main", 404],
      ["root", "other", 404],
      // An escaped slash does not come past the ingress.
      ["root", "main%2F..%2Fx", 400],
    ] as const) {
      await expect(client().d1.database.query(database, { account_id: account, sql: "SELECT 1" })).rejects.toMatchObject({ status });
    }
    await expect(
      new Cloudflare({ apiToken: "x", baseURL: `${host.url}/d1`, maxRetries: 0 }).d1.database.query("main", {
        account_id: "root",
        sql: "SELECT 1",
      }),
    ).rejects.toMatchObject({ status: 401 });
  });
});

describe("PostgREST, with Supabase's client", () => {
  const rest = () => new PostgrestClient(`${host.url}/rest`, { headers: { authorization: `Bearer ${host.rootKey}` } });
  const PEOPLE = [
    { id: "1", name: "Ada", age: 36, city: { name: "London" }, tags: ["math", "poetry"], active: true, zip: "0101" },
    { id: "2", name: "Alan", age: 41, city: { name: "London" }, tags: ["math"], active: false },
    { id: "3", name: 'Grace, "Amazing"', age: 85, city: { name: "New York" }, tags: [], active: true, gone: null },
  ];
  beforeAll(async () => {
    await session.db.defineCollection("people", { search: { fields: ["name", "bio"] }, unique: [["email"]] });
    await rest().from("people").insert(PEOPLE).throwOnError();
  });
  type Builder = ReturnType<ReturnType<typeof ids>["select"]>;
  const ids = () => rest().from("people");
  const found = async (narrow: (query: Builder) => PromiseLike<{ data: unknown; error: unknown }>) => {
    const { data, error } = await narrow(ids().select("id"));
    expect(error).toBeNull();
    return (data as { id: string }[]).map(({ id }) => id);
  };

  it.each<[string, (query: Builder) => Builder, string[]]>([
    ["eq number", (q) => q.eq("age", 36), ["1"]],
    ["eq text that looks like a number", (q) => q.eq("zip", "0101"), ["1"]],
    ["eq id", (q) => q.eq("id", "2"), ["2"]],
    ["neq", (q) => q.neq("name", "Ada"), ["2", "3"]],
    ["neq leaves out what is null", (q) => q.neq("zip", "x"), ["1"]],
    ["gt, lte", (q) => q.gt("age", 36).lte("age", 85), ["2", "3"]],
    ["like", (q) => q.like("name", "A%"), ["1", "2"]],
    ["ilike", (q) => q.ilike("name", "%amazing%"), ["3"]],
    ["is null", (q) => q.is("zip", null), ["2", "3"]],
    ["is true", (q) => q.is("active", true), ["1", "3"]],
    ["in, with commas and quotes", (q) => q.in("name", ["Ada", 'Grace, "Amazing"']), ["1", "3"]],
    ["contains", (q) => q.contains("tags", ["math", "poetry"]), ["1"]],
    ["overlaps", (q) => q.overlaps("tags", ["poetry", "none"]), ["1"]],
    ["not", (q) => q.not("age", "gte", 41), ["1"]],
    ["not is null", (q) => q.not("zip", "is", null), ["1"]],
    ["or", (q) => q.or("age.gt.80,and(name.eq.Alan,active.is.false)"), ["2", "3"]],
    ["or with quotes", (q) => q.or('name.eq."Grace, \\"Amazing\\"",id.eq.1'), ["1", "3"]],
    ["nested field", (q) => q.eq("city->>name", "London"), ["1", "2"]],
    ["item of a list", (q) => q.eq("tags->>0", "math"), ["1", "2"]],
    ["match", (q) => q.match({ active: true, age: 85 }), ["3"]],
    ["text search", (q) => q.textSearch("name", "amazing", { type: "websearch" }), ["3"]],
    ["text search, plain", (q) => q.textSearch("name", "grace amazing", { type: "plain" }), ["3"]],
    ["text search, tsquery", (q) => q.textSearch("name", "'ada' | 'alan'"), ["1", "2"]],
    ["text search, phrase", (q) => q.textSearch("name", "amazing grace", { type: "phrase" }), []],
    ["text search with a filter and an order", (q) => q.textSearch("name", "ada | alan").gt("age", 40).order("age"), ["2"]],
    ["order", (q) => q.order("age", { ascending: false }), ["3", "2", "1"]],
    ["range", (q) => q.order("age").range(1, 2), ["2", "3"]],
  ])("%s", async (_name, narrow, expected) => {
    const isOrdered = /order|range/.test(_name);
    const came = await found((q) => narrow(q));
    expect(isOrdered ? came : came.toSorted()).toEqual(isOrdered ? expected : expected.toSorted());
  });

  it("select gives rows, columns, aliases, parts", async () => {
    expect((await ids().select().eq("id", "1").single()).data).toEqual(PEOPLE[0]);
    expect((await ids().select("who:name, city->name, town:city->>name, none, _version").eq("id", "2")).data).toEqual([
      { who: "Alan", name: "London", town: "London", none: null, _version: 1 },
    ]);
  });

  it("count, head, single, maybeSingle", async () => {
    expect(await ids().select("id", { count: "exact" }).limit(1)).toMatchObject({ count: 3, status: 206, data: [{ id: "1" }] });
    expect(await ids().select("*", { count: "exact", head: true }).gt("age", 40)).toMatchObject({ count: 2, data: null });
    expect((await ids().select().single()).error).toMatchObject({ code: "PGRST116" });
    expect(await ids().select().eq("id", "none").maybeSingle()).toMatchObject({ data: null, error: null });
  });

  it("insert, update, upsert and delete answer what they did", async () => {
    const users = () => rest().from("crud");
    expect((await users().insert({ id: "a", n: 1 }).select()).data).toEqual([{ id: "a", n: 1 }]);
    expect(
      (
        await users()
          .insert([{ n: 2 }, { n: 3 }])
          .select("n")
      ).data,
    ).toEqual([{ n: 2 }, { n: 3 }]);
    expect(await users().insert({ id: "a" })).toMatchObject({ status: 409, error: { code: "23505" } });
    expect((await users().update({ m: true, n: null }).eq("id", "a").select().single()).data).toEqual({ id: "a", m: true });
    expect(await users().update({ x: 1 }, { count: "exact" }).gt("n", 1)).toMatchObject({ status: 204, count: 2 });
    expect(
      (
        await users()
          .upsert([
            { id: "a", n: 9 },
            { id: "b", n: 8 },
          ])
          .select()
      ).data,
    ).toEqual([
      { id: "a", m: true, n: 9 },
      { id: "b", n: 8 },
    ]);
    expect((await users().upsert({ id: "a", n: 0 }, { ignoreDuplicates: true }).select()).data).toEqual([]);
    expect((await users().delete().in("id", ["a", "b", "c"]).select("id")).data).toEqual([{ id: "a" }, { id: "b" }]);
    expect((await users().select("*", { count: "exact", head: true })).count).toBe(2);
  });

  it("upsert by a unique column", async () => {
    await session.db.defineCollection("accounts", { unique: [["email"]] });
    const accounts = () => rest().from("accounts");
    await accounts().insert({ id: "x", email: "a@b", n: 1 });
    expect(
      (
        await accounts()
          .upsert(
            [
              { email: "a@b", n: 2 },
              { email: "c@d", n: 3 },
            ],
            { onConflict: "email" },
          )
          .select("email, n")
      ).data,
    ).toEqual([
      { email: "a@b", n: 2 },
      { email: "c@d", n: 3 },
    ]);
    expect((await accounts().select("id").eq("email", "a@b").single()).data).toEqual({ id: "x" });
    expect((await accounts().insert({ email: "a@b" })).error).toMatchObject({ code: "23505" });
  });

  it("errors say what was wrong", async () => {
    for (const [query, code] of [
      [ids().select("people(*)"), "UNSUPPORTED"],
      [ids().select().filter("age", "match", "x"), "UNSUPPORTED"],
      [ids().select().limit(1_001), "INVALID_ARGUMENT"],
      [ids().select().or("age.gt"), "UNSUPPORTED"],
      [ids().select().textSearch("age", "x"), "UNSUPPORTED"],
      [rest().from("no such").select(), "INVALID_ARGUMENT"],
    ] as const) {
      const { error, status } = await query;
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(502);
      expect(error).toMatchObject({ code });
    }
    expect((await rest().rpc("f")).status).toBe(404);
  });
});
