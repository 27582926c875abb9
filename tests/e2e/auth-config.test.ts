import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost({
    tiers: {
      gold: { extends: "tenant", concurrent: 3, perMinute: 40, tenantConcurrent: 5, tenantPerMinute: 60, limits: { cpuMs: 2_000 } },
      busy: { extends: "tenant", concurrent: 12, tenantConcurrent: 12 },
      guest: { extends: "public", scopes: ["db:read", "executions:write"], perMinute: 15, tenantPerMinute: 20 },
    },
    anonymousTier: "guest",
  });
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
      limits: { cpuMs: 2_000, calls: 1_000, concurrent: 3, perMinute: 40, tenantConcurrent: 5, tenantPerMinute: 60 },
      rates: [
        { name: "principal", limit: 40, remaining: 39 },
        { name: "tenant", limit: 60 },
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
    const first = await Promise.all(Array.from({ length: 400 }, () => ask("/auth", one)));
    expect([count(first, 200), count(first, 429)]).toEqual([40, 360]);
    // Of the tenant's 60 one was used above, and one more may have come back since.
    const second = await Promise.all(Array.from({ length: 400 }, () => ask("/auth", two)));
    expect(count(second, 200)).toBeGreaterThanOrEqual(19);
    expect(count(second, 200)).toBeLessThanOrEqual(21);
    const refused = second.find(({ status }) => status === 429);
    expect(refused?.headers.get("ratelimit-policy")).toBe('"principal";q=40;w=60, "tenant";q=60;w=60');
    expect(refused?.headers.get("ratelimit")).toMatch(/"tenant";r=0;t=\d+/);
  });

  it("concurrent admits exactly so many executions at once, and the next when one has ended", async () => {
    const { key } = await newKey("busy", ["executions:*"], { tier: "busy" });
    await host.ask("/auth");
    const run = (code: string) => host.execute({ code }, { authorization: `Bearer ${key}` });
    // Those that wait for an executor count too.
    const answers = await Promise.all(Array.from({ length: 18 }, () => run("await new Promise((r) => setTimeout(r, 1_000)); return 1")));
    expect([count(answers, 200), count(answers, 429)]).toEqual([12, 6]);
    expect(await answers.find(({ status }) => status === 429)?.json()).toMatchObject({
      code: "LIMIT_EXCEEDED",
      reason: "CONCURRENT",
      details: { most: 12 },
    });
    expect((await run("return 2")).status).toBe(200);
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
