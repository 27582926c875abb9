import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { anonymousBinding, bindingFor, newTenant } from "../support.ts";

const ROOT_KEY = env.DO_ROOT_KEY ?? "";

describe("who the caller is comes from nothing that the caller passes", () => {
  it("without a credential: anonymous, who may do nothing", async () => {
    const DO = anonymousBinding();
    expect(await DO.whoami()).toMatchObject({ principal: { kind: "anonymous" }, scopes: [], services: [] });
    await expect(() => DO.execute({ code: "return 1" })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(async () => (await DO.executions).list()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("a binding's props name the principal", async () => {
    const tenant = newTenant();
    expect(await bindingFor("tenant", tenant).whoami()).toMatchObject({ principal: { tenant, tier: "tenant" } });
  });

  it("the root key authenticates, and nothing near it does", async () => {
    const DO = anonymousBinding();
    const session = await DO.authenticate(ROOT_KEY);
    expect(await session.whoami()).toMatchObject({ principal: { kind: "root", tier: "internal" } });
    for (const near of [`${ROOT_KEY} `, ROOT_KEY.slice(0, -1), ROOT_KEY.toUpperCase(), `${ROOT_KEY}x`, "", "root", "x".repeat(9_000)]) {
      await expect(() => DO.authenticate(near)).rejects.toMatchObject({ code: "UNAUTHENTICATED", reason: "BAD_CREDENTIAL" });
    }
    for (const odd of [null, undefined, 1, {}, [ROOT_KEY], { toString: () => ROOT_KEY }]) {
      await expect(async () => DO.authenticate(JSON.parse(JSON.stringify(odd ?? null)) as string)).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
      });
    }
  });

  it("calls pipeline on authenticate()", async () => {
    const who = await anonymousBinding()
      .authenticate(ROOT_KEY)
      .then((session) => session.whoami());
    expect(who.principal.kind).toBe("root");
  });

  it("an argument or member that names a tenant or tier is refused or ignored", async () => {
    const DO = bindingFor("public");
    await expect(() => DO.execute({ code: "return 1", tenant: "root" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(() => DO.execute({ code: "return 1", context: { tier: "internal" } })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const code = `return Promise.allSettled([db.get("c", "1", { tenant: "root" }), db.list("c", { tenant: "root" }), env.DO.whoami({ tier: "internal" })])`;
    const [get, list, who] = (await DO.execute({ code })).result as [
      PromiseSettledResult<unknown>,
      PromiseSettledResult<unknown>,
      PromiseFulfilledResult<{ principal: { tier: string } }>,
    ];
    expect([get.status, list.status]).toEqual(["rejected", "rejected"]);
    expect(who.value.principal.tier).toBe("public");
  });

  it("props that are no principal are refused, not anonymous", async () => {
    for (const principal of [
      { kind: "root" },
      { kind: "key", id: "k", tenant: "../x", tier: "internal" },
      { kind: "key", id: "k", tenant: "t", tier: "internal", extra: 1 },
    ]) {
      const loopback = anonymousBinding() as unknown as (options: { props: unknown }) => ReturnType<typeof anonymousBinding>;
      await expect(async () => loopback({ props: { principal } }).whoami()).rejects.toThrow();
    }
  });
});

describe("one tenant's code and another's data", () => {
  it("each tenant has its own database and its own executions", async () => {
    const [a, b] = [bindingFor("tenant"), bindingFor("tenant")];
    const wrote = await a.execute({
      code: `await db.upsert("users", "u1", { secret: "of a" }); await db.query("CREATE TABLE mine (n)"); return 1`,
    });
    expect(
      (await b.execute({ code: `return [await db.get("users", "u1"), (await db.query("SELECT name FROM sqlite_schema")).rows]` })).result,
    ).toEqual([null, []]);
    await expect(async () => (await b.executions).get(wrote.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(async () => (await b.executions).cancel(wrote.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await (await b.executions).list()).items.map(({ id }) => id)).not.toContain(wrote.id);
  });
});

describe("what code is given", () => {
  it("the services of its tier are in scope, and no others", async () => {
    const names = ["db", "auth", "gateway", "schedule", "webhooks", "email", "mcp", "queue"];
    const code = `return [${names.map((n) => `typeof ${n}`).join(", ")}]`;
    const inScope = async (tier: "internal" | "tenant" | "public", services?: string[]) => {
      const { result } = await bindingFor(tier).execute({ code, ...(services ? { services } : {}) });
      return names.filter((_, i) => (result as string[])[i] !== "undefined");
    };
    expect(await inScope("internal")).toEqual(names);
    expect(await inScope("tenant")).toEqual(names.filter((n) => n !== "auth"));
    expect(await inScope("public")).toEqual(["db"]);
    expect(await inScope("tenant", ["queue"])).toEqual(["queue"]);
  });

  it("a service that was not granted refuses through env.DO too", async () => {
    const answer = await bindingFor("tenant").execute({ code: `return env.DO.db.get("users", "u")`, services: ["queue"] });
    expect(answer).toMatchObject({ outcome: "threw", error: { name: "DoError", message: expect.stringContaining("Cannot use db") } });
  });

  it("a service that is not built says so", async () => {
    const answer = await bindingFor("tenant").execute({ code: `return email.send("q", 1).catch((e) => [e.name, e.code, e.reason])` });
    expect(answer.result).toEqual(["DoError", "UNSUPPORTED", "SERVICE_NOT_BUILT"]);
  });

  it("names that are no methods of its stubs are not there", async () => {
    // Not toString and its like: those are the stub's own, in the guest, and call nobody.
    const names = [
      "fetch",
      "connect",
      "authenticate",
      "executions",
      "constructor",
      "__proto__",
      "env",
      "ctx",
      "__defineGetter__",
      "#call",
      "then",
    ];
    const code = `
      const tried = {};
      for (const name of ${JSON.stringify(names)}) for (const [on, target] of [["DO", env.DO], ["db", db]]) {
        tried[on + "." + name] = await (async () => { try { await target[name]("http://x/"); return "called" } catch (e) { return "refused" } })();
      }
      return Object.entries(tried).filter(([, how]) => how === "called").map(([name]) => name)`;
    expect((await bindingFor("tenant").execute({ code })).result).toEqual([]);
  });

  it("nested executions share the root's grants, calls and depth", async () => {
    const DO = bindingFor("tenant");
    const narrowed = await DO.execute({
      code: `return env.DO.execute({ code: "return 1", services: ["queue"] }).catch((e) => e.code)`,
      services: ["db"],
    });
    expect(narrowed.result).toBe("PERMISSION_DENIED");
    const nested = await DO.execute({
      code: `const a = await env.DO.execute({ code: "await db.get('a', 'b'); return input + 1", input: 1 }); return [a.outcome, a.result]`,
    });
    expect(nested).toMatchObject({ result: ["ok", 2], usage: { calls: 1 } });
    const deep = `const f = \`return env.DO.execute({ code: input, input }).then((a) => a.success ? (a.result + 1) : 0, (e) => e.code)\`; return env.DO.execute({ code: f, input: f }).then((a) => a.result)`;
    expect((await DO.execute({ code: deep })).result).toMatch(/LIMIT_EXCEEDED/);
    const wide = `const all = await Promise.allSettled(Array.from({ length: 8 }, () => env.DO.execute({ code: "await new Promise((r) => setTimeout(r, 20)); return 1" })));
      return all.map((a) => a.status === "fulfilled" ? a.value.outcome : a.reason.code)`;
    expect((await DO.execute({ code: wide })).result).toEqual(["ok", "ok", "ok", ...Array.from({ length: 5 }, () => "LIMIT_EXCEEDED")]);
  });
});
