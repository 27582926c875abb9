import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { FUNCTION_LIMITS } from "../../../workers/core-services/gateway/limits.ts";
import { gatewayFor, refusal } from "./support.ts";

const { gateway, tenant } = gatewayFor();

/** A class whose objects count in SQLite and in a variable, and whose answers say of which version they are. */
const counter = (version: number) => `
  import { DurableObject } from "cloudflare:workers";
  export class Counter extends DurableObject {
    calls = 0;
    constructor(ctx, env) {
      super(ctx, env);
      ctx.blockConcurrencyWhile(async () => {
        await scheduler.wait(5);
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counts (n INTEGER)");
      });
    }
    increment(by = 1) {
      this.calls++;
      this.ctx.storage.sql.exec("INSERT INTO counts VALUES (?)", by);
      const [{ n }] = this.ctx.storage.sql.exec("SELECT sum(n) AS n FROM counts").toArray();
      return { n, calls: this.calls, version: ${version} };
    }
    async keep(value) { await this.ctx.storage.put("kept", value); return this.ctx.storage.get("kept") }
    undone() {
      try { this.ctx.storage.transactionSync(() => { this.increment(1_000); throw new Error("undone") }) } catch {}
      return this.increment(0).n;
    }
    who() { return { name: this.ctx.id.name, id: String(this.ctx.id), env: Object.keys(this.env), greeting: this.env.GREETING } }
    async fetch(request) { return Response.json({ path: new URL(request.url).pathname, ...this.increment(0) }, { status: 201 }) }
    async wait(ms) { await scheduler.wait(ms); return this.increment() }
    throws() { throw new RangeError("not in range") }
    alarm() {}
    async wakes() { await this.ctx.storage.setAlarm(Date.now() + 1) }
    loops() { for (;;); }
    async asks() { return this.env.DO.db.insert("asked", { a: 1 }).then((row) => typeof row.id) }
  }
  export default {
    async fetch(request, env) {
      const id = env.COUNTER.idFromName(new URL(request.url).pathname.slice(1));
      const same = env.COUNTER.idFromString(id.toString()).equals(id);
      const { n } = await env.COUNTER.get(id).increment(1);
      const answer = await env.COUNTER.getByName(id.name).fetch("http://object/x/y");
      return Response.json({ n, same, status: answer.status, body: await answer.json(), thrown: await env.COUNTER.get(id).throws().catch((e) => e.name + ": " + e.message) });
    },
  };`;
const bindings = [
  { type: "durable_object_namespace" as const, name: "COUNTER", class_name: "Counter" },
  { type: "plain_text" as const, name: "GREETING", text: "hi" },
];
const deployCounter = (name: string, version = 1) => gateway.deploy(name, { code: counter(version), bindings });

describe("objects of functions", () => {
  it("are made by being called, and each keeps its own", async () => {
    await deployCounter("counter");
    expect(await gateway.object("counter", "a")["increment"]?.(2)).toEqual({ n: 2, calls: 1, version: 1 });
    expect(await gateway.callObject("counter", "a", "increment", [3])).toEqual({ n: 5, calls: 2, version: 1 });
    expect(await gateway.callObject("counter", "b", "increment")).toMatchObject({ n: 1 });
    const kept = { at: new Date(1), m: new Map([[1n, "x"]]) };
    expect(await gateway.callObject("counter", "a", "keep", [kept])).toEqual(kept);
    expect(await gateway.callObject("counter", "a", "undone")).toBe(5);
  });

  it("know their name, and have what their function has", async () => {
    expect(await gateway.callObject("counter", "a", "who")).toEqual({
      name: "a",
      id: "61",
      env: expect.arrayContaining(["COUNTER", "GREETING", "DO"]) as unknown,
      greeting: "hi",
    });
    expect(await gateway.callObject("counter", "a", "asks")).toBe("string");
  });

  it("answer requests, from callers and from code", async () => {
    expect(await gateway.callObject("counter", "web", "fetch", [{ url: "/p" }])).toMatchObject({ status: 201, body: { path: "/p", n: 0 } });
    expect(await gateway.invoke("counter", { url: "/nested" })).toMatchObject({
      body: { n: 1, same: true, status: 201, body: { path: "/x/y", n: 1 }, thrown: "RangeError: not in range" },
    });
  });

  it("keep what they stored when their class has another version, and when it is rolled back", async () => {
    await deployCounter("versions", 1);
    expect(await gateway.callObject("versions", "a", "increment")).toEqual({ n: 1, calls: 1, version: 1 });
    await deployCounter("versions", 2);
    expect(await gateway.callObject("versions", "a", "increment")).toEqual({ n: 2, calls: 1, version: 2 });
    await gateway.rollback("versions");
    expect(await gateway.callObject("versions", "a", "increment")).toEqual({ n: 3, calls: 1, version: 1 });
  });

  it("a call that is under way is not broken off by another version", async () => {
    await deployCounter("busy", 1);
    const waiting = gateway.callObject("busy", "a", "wait", [300]);
    await gateway.callObject("busy", "a", "increment");
    await deployCounter("busy", 2);
    const after = gateway.callObject("busy", "a", "increment");
    expect(await Promise.all([waiting, after])).toEqual([
      { n: 2, calls: 2, version: 1 },
      { n: 3, calls: 1, version: 2 },
    ]);
  });

  it("are executions, whose errors and limits have the words of functions", async () => {
    expect(await refusal(gateway.callObject("counter", "a", "throws"))).toMatchObject({
      code: "UPSTREAM",
      reason: "FUNCTION_THREW",
      message: "counter: RangeError: not in range",
    });
    expect(await refusal(gateway.callObject("counter", "a", "wait", [5_000], { timeoutMs: 50 }))).toMatchObject({
      reason: "FUNCTION_TIMEOUT",
    });
    expect(await refusal(gateway.callObject("counter", "a", "wakes"))).toMatchObject({
      message: expect.stringContaining("has no alarms") as unknown,
    });
    await gateway.deploy("short", { code: counter(1), limits: { cpuMs: 100 } });
    await gateway.callObject("short", "a", "increment");
    const other = gateway.callObject("short", "b", "wait", [300]);
    expect(await refusal(gateway.callObject("short", "a", "loops"))).toMatchObject({ code: "UPSTREAM", reason: "FUNCTION_CPU_LIMIT" });
    expect(await other).toMatchObject({ n: 1 });
    expect(await gateway.callObject("short", "a", "increment")).toMatchObject({ n: 2, calls: 1 });
  });

  it("what cannot be called is refused by name", async () => {
    expect(await refusal(gateway.callObject("counter", "a", "gone"))).toMatchObject({ code: "NOT_FOUND", reason: "NO_SUCH_METHOD" });
    expect(await refusal(gateway.callObject("counter", "a", "alarm"))).toMatchObject({ reason: "NO_SUCH_METHOD" });
    expect(await refusal(gateway.callObject("counter", "a", "constructor"))).toMatchObject({ reason: "NO_SUCH_METHOD" });
    expect(await refusal(gateway.callObject("counter", "a", "increment", [], { entrypoint: "Other" }))).toMatchObject({
      reason: "NO_SUCH_ENTRYPOINT",
      message: expect.stringContaining("it has Counter") as unknown,
    });
    expect(await refusal(gateway.call("counter", "increment", [], { entrypoint: "Counter" }))).toMatchObject({
      reason: "IS_A_CLASS_OF_OBJECTS",
    });
    expect(await refusal(gateway.deploy("bad", { code: "export default () => 1", bindings }))).toMatchObject({
      code: "UNPROCESSABLE",
      message: expect.stringContaining('COUNTER binds the class "Counter", and it exports none') as unknown,
    });
  });

  it("an object that is called by what it calls is refused", async () => {
    const code = `import { DurableObject } from "cloudflare:workers";
      export class Loop extends DurableObject { async next(to) { return to.length === 0 ? "end" : this.env.LOOP.getByName(to[0]).next(to.slice(1)) } }`;
    await gateway.deploy("loop", { code, bindings: [{ type: "durable_object_namespace", name: "LOOP", class_name: "Loop" }] });
    expect(await gateway.callObject("loop", "a", "next", [["b", "c"]])).toBe("end");
    expect(await refusal(gateway.callObject("loop", "a", "next", [["b", "a"]]))).toMatchObject({
      message: expect.stringContaining("it is being called by what it calls") as unknown,
    });
  });

  it("may be asked many at a time by the code that a caller called", async () => {
    const code = `import { DurableObject } from "cloudflare:workers";
      export class One extends DurableObject { async add() { await scheduler.wait(5); return 1 } }
      export default async ({ env }) => (await Promise.all(Array.from({ length: 20 }, (_, n) => env.ONE.getByName("o" + n).add()))).length`;
    await gateway.deploy("fan", { code, bindings: [{ type: "durable_object_namespace", name: "ONE", class_name: "One" }] });
    expect(await gateway.invoke("fan", undefined)).toBe(20);
  });

  it("but not more than it may make calls", async () => {
    const code = `export default async ({ env }) => (await Promise.allSettled(Array.from({ length: 25 }, () => env.ONE.getByName("a").add()))).filter(({ status }) => status === "fulfilled").length`;
    const binding = { type: "durable_object_namespace" as const, name: "ONE", class_name: "One", script_name: "fan" };
    await gateway.deploy("fans", { code, bindings: [binding], limits: { calls: 25 } });
    expect(await gateway.invoke("fans", undefined)).toBe(25);
    await gateway.deploy("fans", { code, bindings: [binding], limits: { calls: 24 } });
    expect(await refusal(gateway.invoke("fans", undefined))).toMatchObject({ reason: "FUNCTION_CALLS_LIMIT" });
  });

  it("one that has no such method is not made by asking", async () => {
    expect(await refusal(gateway.callObject("fan", "typo", "ad"))).toMatchObject({ reason: "NO_SUCH_METHOD" });
    expect((await gateway.listObjects("fan")).items).toHaveLength(21);
  });

  it("another function's objects are reached by who may call it", async () => {
    const code = "export default async ({ env }) => (await env.OTHER.getByName('shared').increment(7)).n";
    const binding = { type: "durable_object_namespace" as const, name: "OTHER", class_name: "Counter", script_name: "counter" };
    await gateway.deploy("other", { code, bindings: [binding] });
    expect(await gateway.invoke("other", undefined)).toBe(7);
    expect(await gateway.callObject("counter", "shared", "increment", [0])).toMatchObject({ n: 7 });
  });
});

describe("names of objects", () => {
  const names = ["../../x", "..", "%2e", "naïve ☃ 𝒳", "A", "a", "a ", "__proto__", "x".repeat(256)];

  it("are any text, and no two are one", async () => {
    await deployCounter("names");
    for (const [i, name] of names.entries())
      expect(await gateway.callObject("names", name, "increment", [i])).toMatchObject({ n: i, calls: 1 });
    for (const [i, name] of names.entries()) expect(await gateway.callObject("names", name, "increment", [0])).toMatchObject({ n: i });
    const { items } = await gateway.listObjects("names");
    expect(items.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    const first = await gateway.listObjects("names", { limit: 5 });
    const rest = await gateway.listObjects("names", { limit: 5, cursor: first.cursor ?? "" });
    expect([...first.items, ...rest.items]).toEqual(items);
  });

  it.each([
    ["", "empty"],
    ["x".repeat(257), "too long"],
    ["a\0b", "NUL"],
    ["\ud800", "half a character"],
  ])("but not %j (%s)", async (name) => {
    expect(await refusal(gateway.callObject("names", name, "increment"))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

it("a function has a bounded number of objects, and those that there are go on", async () => {
  await deployCounter("many");
  await gateway.callObject("many", "first", "increment");
  await runInDurableObject(env.FUNCTIONS.getByName(tenant), (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO objects
         SELECT (SELECT id FROM homes WHERE function = 'many'), 'Counter', 'made ' || i, 0 FROM n`,
      FUNCTION_LIMITS.objects - 2,
    );
  });
  expect(await gateway.callObject("many", "last", "increment")).toMatchObject({ n: 1 });
  expect(await refusal(gateway.callObject("many", "over", "increment"))).toMatchObject({
    code: "LIMIT_EXCEEDED",
    reason: "TOO_MANY_OBJECTS",
  });
  expect(await gateway.callObject("many", "first", "increment")).toMatchObject({ n: 2 });
});

describe("what objects store", () => {
  it("is deleted with them, and with their function", async () => {
    await deployCounter("leaves");
    await gateway.callObject("leaves", "a", "increment", [5]);
    await gateway.callObject("leaves", "b", "increment", [6]);
    expect(await gateway.deleteObject("leaves", "a", { entrypoint: "Counter" })).toEqual({ deleted: true });
    expect(await gateway.deleteObject("leaves", "a", { entrypoint: "Counter" })).toEqual({ deleted: false });
    expect((await gateway.listObjects("leaves")).items.map(({ name }) => name)).toEqual(["b"]);
    expect(await gateway.callObject("leaves", "a", "increment", [1])).toEqual({ n: 1, calls: 1, version: 1 });
    await gateway.deleteFunction("leaves");
    await deployCounter("leaves");
    expect((await gateway.listObjects("leaves")).items).toEqual([]);
    expect(await gateway.callObject("leaves", "b", "increment", [1])).toMatchObject({ n: 1 });
  });

  it("is another tenant's under the same names, and a key of it is none of a caller's", async () => {
    const stranger = gatewayFor("internal").gateway;
    await stranger.deploy("counter", { code: counter(9), bindings });
    expect(await stranger.callObject("counter", "a", "increment")).toEqual({ n: 1, calls: 1, version: 9 });
    expect(tenant).not.toBe("");
  });

  it("is reached by its own code alone", async () => {
    const code = `import { DurableObject } from "cloudflare:workers";
      export class Nosy extends DurableObject {
        async look() {
          const tried = async (work) => { try { return await work() } catch (error) { return "refused" } };
          return {
            env: Object.keys(this.env).sort(), facets: typeof this.ctx.facets, exports: Object.keys(this.ctx.exports), props: this.ctx.props,
            tables: this.ctx.storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
            attach: await tried(() => this.ctx.storage.sql.exec("ATTACH '../x.sqlite' AS x").toArray()),
            connect: await tried(async () => { const s = (await import("cloudflare:sockets")).connect("127.0.0.1:80"); await s.opened; return "open" }),
            fetched: await tried(async () => (await fetch("http://127.0.0.1:1/")).status),
          };
        }
      }`;
    await gateway.deploy("nosy", { code });
    expect(await gateway.callObject("nosy", "a", "look")).toEqual({
      env: ["DO"],
      facets: "undefined",
      exports: [],
      props: {},
      tables: [],
      attach: "refused",
      connect: "refused",
      fetched: "refused",
    });
  });
});
