import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { backgroundOf, type Background, type Sponsor } from "../../workers/core-services/shared/background.ts";
import { sponsorOf } from "../../workers/do/src/sponsor.ts";
import { UNMETERED, type Authority } from "../../workers/do/src/capabilities.ts";
import { policy, within } from "../../workers/do/src/policy.ts";
import { ANONYMOUS, ROOT, type Principal } from "../../workers/do/src/principal.ts";
import { admin } from "./auth/support.ts";
import { newTenant } from "./support.ts";

/** The authority of a principal that came by a credential, with these scopes. */
function authorityOf(
  principal: Principal,
  scopes: readonly string[],
  { isGuest = false, isByCredential = true } = {},
): Omit<Authority, "functions"> {
  const credential = { id: principal.id, source: principal.id, expiresMs: undefined };
  return {
    principal,
    policy: within(policy(principal), scopes),
    services: ["db"],
    meter: UNMETERED,
    via: {
      isGuest,
      cause: undefined,
      requestId: "req_01M7YEBV9WQSQ34P2RRSS1QHFF",
      address: undefined,
      origin: undefined,
      resourcePath: "",
      cdnLoop: "",
      credential: isByCredential ? credential : undefined,
      rates: () => [],
    },
  };
}

const keyOf = (tenant: string, id: string): Principal => ({ kind: "key", id, tenant, tier: "tenant" });

function later(sponsor: Sponsor, name = "nightly"): Background {
  return backgroundOf({ exports }, { sponsor, cause: { kind: "schedule", name } });
}

async function keyWith(permissions: string[], options = {}) {
  const { auth, tenant, executions, db, gateway } = admin();
  const made = await auth.createApiKey("worker", permissions, options);
  const sponsor = sponsorOf(authorityOf(keyOf(tenant, made.id), permissions));
  return { auth, tenant, executions, db, gateway, made, sponsor };
}

describe("work that is left to be done", () => {
  it("runs as who asked for it, shows its cause, and can be found by its id while it runs", async () => {
    const { executions, made, sponsor } = await keyWith(["db:*", "executions:*"]);
    let started = "";
    const answer = await later(sponsor).execute({ code: `await db.upsert("a", "1", {}); return "done"` }, (id) => void (started = id));
    expect(answer).toMatchObject({ outcome: "ok", result: "done", id: started });
    expect(await executions.get(answer.id)).toMatchObject({ cause: "schedule:nightly", principal: { kind: "key", id: made.id } });
  });

  it("may what its key may at that moment, and never more than when it was asked for", async () => {
    const { auth, made, sponsor } = await keyWith(["db:read", "executions:*"]);
    const write = { code: `return db.upsert("a", "1", {}).then(() => "written", (e) => e.reason)` };
    expect(await later(sponsor).execute(write)).toMatchObject({ result: "MISSING_SCOPE" });
    await auth.updateApiKey(made.id, { permissions: ["db:*", "executions:*"] });
    expect(await later(sponsor).execute(write)).toMatchObject({ result: "MISSING_SCOPE" });
    await auth.updateApiKey(made.id, { permissions: ["executions:*"] });
    await expect(async () => later(sponsor).call("db", "get", ["a", "1"])).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("calls a method of a service", async () => {
    const { db, sponsor } = await keyWith(["db:*"]);
    await later(sponsor).call("db", "upsert", ["a", "1", { n: 1 }]);
    expect(await db.get("a", "1")).toMatchObject({ data: { n: 1 } });
    await expect(async () => later(sponsor).execute({ code: "return 1" })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(async () => later(sponsor).call("db", "nothing", [])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("calls a saved function, and it shows what called it", async () => {
    const { executions, sponsor } = await keyWith(["gateway:*", "executions:*"]);
    const gateway = later(sponsor);
    await gateway.call("gateway", "deploy", ["double", { code: "export default ({ input }) => input.n * 2" }]);
    expect(await gateway.call("gateway", "invoke", ["double", { n: 21 }])).toBe(42);
    const { items } = await executions.list({});
    expect(items[0]).toMatchObject({ outcome: "ok", cause: "schedule:nightly", principalId: "fn:double" });
    await gateway.call("gateway", "deploy", ["throws", { code: "export default () => { throw new Error('no') }" }]);
    await expect(async () => gateway.call("gateway", "invoke", ["throws", null])).rejects.toMatchObject({
      code: "UPSTREAM",
      reason: "FUNCTION_THREW",
    });
    await expect(async () => gateway.call("gateway", "invoke", ["gone", null])).rejects.toMatchObject({
      code: "NOT_FOUND",
      reason: "NO_SUCH_FUNCTION",
    });
  });

  it("ends with its key, and goes on with what the key is rotated to", async () => {
    const { auth, made, sponsor } = await keyWith(["db:*", "executions:*"]);
    const next = await auth.rotateApiKey(made.id, { overlapSeconds: 0 });
    expect(await later(sponsor).execute({ code: "return 1" })).toMatchObject({ outcome: "ok" });
    await auth.revokeApiKey(next.id);
    await expect(async () => later(sponsor).execute({ code: "return 1" })).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("asks the network by the rules of its tenant, and not once its key is gone", async () => {
    const { auth, made, sponsor, gateway } = await keyWith(["db:*"]);
    const request = { url: "https://api.example.com/x", method: "POST", headers: { "x-a": "1" }, body: "hello", timeoutMs: 1_000 };
    const ask = async () => later(sponsor).request(request);
    await expect(ask).rejects.toMatchObject({ code: "PERMISSION_DENIED", reason: "EGRESS_DENIED" });
    const response = { statusCode: 202, body: "taken", contentType: "text/plain" };
    await gateway.setEgress({ allow: { "api.example.com": [{ response }] } });
    expect(await ask()).toEqual({ status: 202, headers: { "content-type": "text/plain" }, body: "taken" });
    await auth.revokeApiKey(made.id);
    await expect(ask).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("needs no address and takes nothing of the requests per minute", async () => {
    const { sponsor } = await keyWith(["db:*"], { addresses: ["192.0.2.1/32"], rateLimits: [{ name: "few", limit: 1, windowMs: 60_000 }] });
    for (let i = 0; i < 3; i++) expect(await later(sponsor).call("db", "get", ["a", "1"])).toBeNull();
  });

  it("of code has what code holds, and of nobody is refused", () => {
    const tenant = newTenant();
    const guest = sponsorOf(authorityOf(keyOf(tenant, "key_1"), ["db:read", "auth:*", "executions:*"], { isGuest: true }));
    expect(guest).toMatchObject({ isGuest: true, scopes: ["db:read", "executions:write"] });
    expect(sponsorOf(authorityOf(ROOT, ["*"]))).toMatchObject({ source: "root" });
    expect(sponsorOf(authorityOf(keyOf(tenant, "key_1"), ["*"], { isByCredential: false })).source).toBeUndefined();
    expect(() => sponsorOf(authorityOf(ANONYMOUS, []))).toThrow(expect.objectContaining({ reason: "NO_SPONSOR" }));
  });

  it("of a principal that only the configuration knows has its tier", async () => {
    const tenant = newTenant();
    const sponsor = sponsorOf(authorityOf({ kind: "service", id: "billing", tenant, tier: "tenant" }, ["db:*"], { isByCredential: false }));
    await later(sponsor).call("db", "upsert", ["a", "1", {}]);
    await expect(async () => later(sponsor).execute({ code: "return 1" })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});
