import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost(
    {
      tiers: {
        gold: { extends: "tenant", concurrent: 3, perMinute: 10, tenantConcurrent: 5, tenantPerMinute: 15, limits: { cpuMs: 2_000 } },
        busy: { extends: "tenant", concurrent: 3, tenantConcurrent: 5, perMinute: null, tenantPerMinute: null },
        guest: { extends: "public", scopes: ["db:read", "executions:write"], perMinute: 15, tenantPerMinute: 20 },
      },
      anonymousTier: "guest",
    },
    { executors: { min: 2, max: 8, reserve: 4 } },
  );
});
afterAll(() => host.stop());

async function newKey(name: string, permissions: string[], options: object = {}): Promise<{ id: string; key: string }> {
  const response = await host.ask("/rpc/auth/createApiKey", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ params: [name, permissions, options] }),
  });
  return ((await response.json()) as { result: { id: string; key: string } }).result;
}

const ask = (path: string, key?: string) =>
  fetch(host.url + path, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
const count = (answers: readonly Response[], status: number) => answers.filter((answer) => answer.status === status).length;

describe("tiers of the configuration", () => {
  it("are those that credentials have, and GET /auth shows them", async () => {
    const { key } = await newKey("gold", ["db:*"], { tier: "gold" });
    expect(await (await ask("/auth", key)).json()).toMatchObject({
      principal: { tier: "gold" },
      limits: { cpuMs: 2_000, calls: 1_000, concurrent: 3, perMinute: 10, tenantConcurrent: 5, tenantPerMinute: 15 },
      rates: [
        { name: "principal", limit: 10, remaining: 9 },
        { name: "tenant", limit: 15 },
      ],
    });
    const response = await host.ask("/rpc/auth/createApiKey", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ params: ["x", [], { tier: "silver" }] }),
    });
    expect(await response.json()).toMatchObject({ code: "INVALID_ARGUMENT", reason: "UNKNOWN_TIER" });
  });

  it("perMinute admits exactly so many of ten times as many at once, of one principal and of its tenant", async () => {
    const keys = await Promise.all(["one", "two"].map((name) => newKey(name, [], { tier: "gold" })));
    const [one, two] = keys.map(({ key }) => key);
    const first = await Promise.all(Array.from({ length: 100 }, () => ask("/auth", one)));
    expect([count(first, 200), count(first, 429)]).toEqual([10, 90]);
    // Of the tenant's 15 one was used above; one comes back each four seconds.
    const second = await Promise.all(Array.from({ length: 100 }, () => ask("/auth", two)));
    expect(count(second, 200)).toBeGreaterThanOrEqual(4);
    expect(count(second, 200)).toBeLessThanOrEqual(7);
    const refused = second.find(({ status }) => status === 429);
    expect(refused?.headers.get("ratelimit-policy")).toBe('"principal";q=10;w=60, "tenant";q=15;w=60');
    expect(refused?.headers.get("ratelimit")).toMatch(/"tenant";r=0;t=\d+/);
  });

  it("concurrent and tenantConcurrent admit exactly so many executions at once, and the next when one has ended", async () => {
    const keys = await Promise.all(["busy", "busier"].map((name) => newKey(name, ["executions:*", "db:*"], { tier: "busy" })));
    const [one = "", two = ""] = keys.map(({ key }) => key);
    const run = (key: string, code: string) => host.execute({ code }, { authorization: `Bearer ${key}` });
    const untilOpened = `while (!(await db.get("gates", "open"))) await new Promise((r) => setTimeout(r, 50)); return 1`;
    const running = async () => ((await (await host.ask("/executions?state=running")).json()) as { items: unknown[] }).items.length;
    const started = [run(one, untilOpened), run(one, untilOpened), run(one, untilOpened)];
    while ((await running()) < 3);
    const fourth = await run(one, "return 2");
    expect(fourth.status).toBe(429);
    expect(await fourth.json()).toMatchObject({ code: "LIMIT_EXCEEDED", reason: "CONCURRENT", retryable: true, details: { most: 3 } });
    started.push(run(two, untilOpened), run(two, untilOpened));
    while ((await running()) < 5);
    expect(await (await run(two, "return 2")).json()).toMatchObject({ reason: "TENANT_CONCURRENT", details: { most: 5 } });
    // The root key has no such limit.
    await host.execute({ code: `await db.upsert("gates", "open", {}); return 1` });
    expect((await Promise.all(started)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await run(one, "return 2")).status).toBe(200);
  });
});

describe("anonymousTier", () => {
  it("lets nobody in particular do what it says, and counts them", async () => {
    const answer = await fetch(`${host.url}/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: `return [await db.get("a", "b"), await db.upsert("a", "b", {}).catch((e) => e.reason)]` }),
    });
    expect(await answer.json()).toMatchObject({ outcome: "ok", result: [null, "MISSING_SCOPE"] });
    expect(await (await ask("/auth")).json()).toMatchObject({ principal: { kind: "anonymous", tier: "guest" } });
    const answers = await Promise.all(Array.from({ length: 150 }, () => ask("/auth")));
    expect(count(answers, 200)).toBe(13);
    expect((await ask("/health")).status).toBe(200);
  });
});

describe("a configuration that is none", () => {
  it("lets nobody in: the host does not start, and says why", async () => {
    await expect(testHost({ tiers: { gold: {} } })).rejects.toThrow("tiers.gold: extends must be one of");
  });
});
