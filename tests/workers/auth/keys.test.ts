import { describe, expect, it } from "vitest";
import { newCredential, parseCredential } from "../../../workers/core-services/auth/credential.ts";
import { admin, as, root } from "./support.ts";

const refusal = (reason: string, code = "UNAUTHENTICATED") => ({ code, reason });

describe("an API key", () => {
  it("is shown once, stored as a hash, and stands for its tenant and its permissions", async () => {
    const { auth, tenant } = admin();
    const made = await auth.createApiKey("ci", ["db:read", "executions:*"], { meta: { team: "a" } });
    expect(made).toMatchObject({ name: "ci", environment: "live", permissions: ["db:read", "executions:*"], meta: { team: "a" } });
    expect(made.key).toMatch(/^do_live_/);
    expect(parseCredential(made.key)).toBeDefined();
    expect(made.key.startsWith(made.start) && made.key.endsWith(made.last4)).toBe(true);
    for (const shown of [await auth.getApiKey(made.id), (await auth.listApiKeys()).items, await auth.listAudit()]) {
      expect(JSON.stringify(shown)).not.toContain(made.key.slice(-49));
    }
    const who = await (await as(made.key)).whoami();
    expect(who).toMatchObject({
      principal: { kind: "key", id: made.id, tenant, tier: "tenant" },
      scopes: ["db:read", "executions:*"],
      services: ["db"],
      credential: { id: made.id },
    });
  });

  it("may do what its permissions say and no more", async () => {
    const { auth, db } = admin();
    await db.upsert("orders", "1", { n: 1 });
    const { key } = await auth.createApiKey("reader", ["db:read:orders", "executions:*"]);
    const session = await as(key);
    expect(await session.db.get("orders", "1")).toMatchObject({ data: { n: 1 } });
    await expect(async () => session.db.get("users", "1")).rejects.toMatchObject({ code: "PERMISSION_DENIED", reason: "MISSING_SCOPE" });
    await expect(async () => session.db.upsert("orders", "1", {})).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    // Code has what the key has.
    const { result } = await session.execute({
      code: `return [(await db.get("orders", "1")).data.n, await db.upsert("orders", "1", {}).catch((e) => e.reason), typeof queue]`,
    });
    expect(result).toEqual([1, "MISSING_SCOPE", "undefined"]);
  });

  it("without executions:write runs no code, and without executions:read sees none", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("db only", ["db:*"]);
    const session = await as(key);
    await expect(async () => session.execute({ code: "return 1" })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "MISSING_SCOPE",
      details: { scope: "executions:write" },
    });
    await expect(async () => session.executions.list()).rejects.toMatchObject({ code: "PERMISSION_DENIED", reason: "MISSING_SCOPE" });
    const { items } = await auth.listAudit({ action: "permission.denied" });
    expect(items.map(({ object }) => object)).toEqual(["executions:read", "executions:write"]);
  });

  it("that asks for a service it has not, in a call, a property or for code, is refused and noted", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("reader", ["db:read", "executions:*"]);
    const session = await as(key);
    const notGranted = { code: "PERMISSION_DENIED", reason: "SERVICE_NOT_GRANTED" };
    await expect(async () => session.execute({ code: "return 1", services: ["email"] })).rejects.toMatchObject(notGranted);
    expect(await session.execute({ code: `return env.DO.auth.whoami().catch((e) => e.reason)` })).toMatchObject({
      result: "SERVICE_NOT_GRANTED",
    });
    expect(await session.execute({ code: `return db.upsert("a", "1", {}).catch((e) => e.reason)` })).toMatchObject({
      result: "MISSING_SCOPE",
    });
    const { items } = await auth.listAudit({ action: "permission.denied" });
    expect(items.map(({ object, actor }) => [object, actor.kind])).toEqual([
      ["db:write:a", "code"],
      ["auth", "code"],
      ["email", "key"],
    ]);
  });

  it("is noted when it asks for what no scope decides", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("keys", ["auth:*"]);
    const session = await as(key);
    await expect(async () => session.auth.createApiKey("more", ["db:*"])).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    const { items } = await auth.listAudit({ action: "permission.denied" });
    expect(items.map(({ object }) => object)).toEqual(["auth.createApiKey"]);
  });

  it("revoked is refused on the next request, also of a session that was open", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("short", ["db:*", "auth:*"]);
    const open = await as(key);
    expect(await open.db.get("a", "b")).toBeNull();
    expect(await auth.revokeApiKey(id)).toEqual({ revoked: true });
    expect(await auth.revokeApiKey(id)).toEqual({ revoked: false });
    await expect(async () => open.db.get("a", "b")).rejects.toMatchObject(refusal("CREDENTIAL_REVOKED"));
    await expect(() => as(key)).rejects.toMatchObject(refusal("CREDENTIAL_REVOKED"));
    await expect(async () => auth.updateApiKey(id, { disabled: false })).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await auth.verifyApiKey(key)).toMatchObject({ valid: false, code: "REVOKED" });
  });

  it("loses a permission on the next request", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("less", ["db:*"]);
    const open = await as(key);
    expect(await open.db.get("a", "b")).toBeNull();
    await auth.updateApiKey(id, { permissions: ["queue:read"] });
    await expect(async () => open.db.get("a", "b")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("is disabled and enabled again", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("switch", ["db:*"]);
    await auth.updateApiKey(id, { disabled: true });
    await expect(() => as(key)).rejects.toMatchObject(refusal("CREDENTIAL_DISABLED"));
    expect(await auth.verifyApiKey(key)).toMatchObject({ valid: false, code: "DISABLED" });
    await auth.updateApiKey(id, { disabled: false });
    expect((await (await as(key)).whoami()).principal.id).toBe(id);
  });

  it("ends when it expires", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("late", ["db:*"], { expiresAt: Date.now() - 1 });
    await expect(() => as(key)).rejects.toMatchObject(refusal("CREDENTIAL_EXPIRED"));
    await auth.updateApiKey(id, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    expect((await (await as(key)).whoami()).credential?.expiresAt).toMatch(/Z$/);
    await auth.updateApiKey(id, { expiresAt: null });
    expect((await (await as(key)).whoami()).credential).toEqual({ id });
  });

  it("is rotated with an overlap: both work, then one; credits and limits are counted together", async () => {
    const { auth } = admin();
    const first = await auth.createApiKey("turn", ["db:*"], { credits: { remaining: 3 } });
    await auth.assignRole("viewer", first.id);
    const second = await auth.rotateApiKey(first.id, { overlapSeconds: 60 });
    expect(second).toMatchObject({ name: "turn", rotatedFrom: first.id });
    expect(second.key).not.toBe(first.key);
    expect(await auth.verifyApiKey(first.key)).toMatchObject({ valid: true, creditsRemaining: 2 });
    expect(await auth.verifyApiKey(second.key)).toMatchObject({ valid: true, creditsRemaining: 1 });
    expect((await auth.getRights(second.id)).roles).toEqual(["viewer"]);
    const third = await auth.rotateApiKey(second.id);
    expect(await auth.verifyApiKey(second.key)).toMatchObject({ valid: false, code: "EXPIRED" });
    expect(await auth.verifyApiKey(third.key)).toMatchObject({ valid: true, creditsRemaining: 0 });
    expect(await auth.verifyApiKey(third.key)).toMatchObject({ valid: false, code: "USAGE_EXCEEDED" });
    await expect(() => as(third.key)).rejects.toMatchObject(refusal("CREDITS", "LIMIT_EXCEEDED"));
  });

  it("has rates of its own", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("slow", ["db:*"], { rateLimits: [{ name: "burst", limit: 3, windowMs: 60_000 }] });
    const verdicts = await Promise.all(Array.from({ length: 30 }, () => auth.verifyApiKey(key)));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(3);
    expect(verdicts.find(({ valid }) => !valid)).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: expect.any(Number) });
    await expect(() => as(key)).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: expect.any(Number) });
  });

  it("with a list of addresses is refused where the address is not known, and elsewhere", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("office", ["db:*"], { addresses: ["192.0.2.0/24"] });
    await expect(() => as(key)).rejects.toMatchObject(refusal("ADDRESS_NOT_ALLOWED", "PERMISSION_DENIED"));
    expect(await auth.verifyApiKey(key, { address: "192.0.2.9" })).toMatchObject({ valid: true });
    expect(await auth.verifyApiKey(key, { address: "192.0.3.9" })).toMatchObject({ valid: false, code: "FORBIDDEN" });
  });

  it("verification says what it is good for", async () => {
    const { auth } = admin();
    const { key, id } = await auth.createApiKey("good", ["db:read:orders/*"], { credits: { remaining: 5 } });
    expect(await auth.verifyApiKey(key, { permission: "db:read:orders/7", cost: 0 })).toMatchObject({
      valid: true,
      code: "VALID",
      keyId: id,
      permissions: ["db:read:orders/*"],
      creditsRemaining: 5,
    });
    expect(await auth.verifyApiKey(key, { permission: "db:write:orders/7" })).toMatchObject({
      valid: false,
      code: "INSUFFICIENT_PERMISSIONS",
    });
    expect((await auth.getApiKey(id)).credits).toEqual({ remaining: 5 });
  });

  it("that is none, and one of another tenant, are told apart from nothing", async () => {
    const [a, b] = [admin(), admin()];
    const { key } = await a.auth.createApiKey("of a", ["db:*"]);
    for (const other of ["", "nope", key.slice(0, -1), `${key}x`, key.toLowerCase(), ` ${key}`]) {
      expect(await b.auth.verifyApiKey(other)).toEqual({ valid: false, code: "NOT_FOUND" });
      await expect(() => as(other)).rejects.toMatchObject(refusal("BAD_CREDENTIAL"));
    }
    expect(await b.auth.verifyApiKey(key)).toEqual({ valid: false, code: "NOT_FOUND" });
  });

  it("with the right id and another's secret is not valid, and the tenant's trail says so", async () => {
    const { auth } = admin();
    const [one, two] = [await auth.createApiKey("one", ["db:*"]), await auth.createApiKey("two", ["db:*"])];
    const parsed = parseCredential(one.key);
    if (!parsed) throw new Error("no credential");
    const forged = newCredential(parsed);
    await expect(() => as(forged)).rejects.toMatchObject(refusal("BAD_CREDENTIAL"));
    await expect(() => as(forged)).rejects.toMatchObject(refusal("BAD_CREDENTIAL"));
    const { items } = await auth.listAudit({ action: "key.refused" });
    expect(items).toMatchObject([{ object: one.id, details: { why: "wrong-secret" } }]);
    expect((await (await as(two.key)).whoami()).principal.id).toBe(two.id);
  });

  it("idempotencyKey makes one, and does not show its secret twice", async () => {
    const { auth } = admin();
    const options = { idempotencyKey: "once" };
    const { id } = await auth.createApiKey("one", ["db:*"], options);
    await expect(async () => auth.createApiKey("one", ["db:*"], options)).rejects.toMatchObject({
      code: "CONFLICT",
      reason: "SECRET_SHOWN_ONCE",
      details: { id },
    });
    await expect(async () => auth.createApiKey("two", ["db:*"], options)).rejects.toMatchObject({ code: "UNPROCESSABLE" });
    expect((await auth.listApiKeys()).items).toHaveLength(1);
  });

  it.each([
    ["", ["db:*"], undefined, "name"],
    ["x", ["everything"], undefined, "must be a permission"],
    ["x", ["db:*"], { environment: "root" }, "none of root"],
    ["x", ["db:*"], { environment: "ses" }, "none of root"],
    ["x", ["db:*"], { addresses: ["example.com"] }, "must be an IP address"],
    ["x", ["db:*"], { rateLimits: [{ name: "a", limit: 0, windowMs: 1_000 }] }, "rateLimits"],
    ["x", ["db:*"], { expiresAt: "tomorrow" }, "must be a time"],
    ["x", ["db:*"], { meta: { big: "x".repeat(5_000) } }, "4096"],
    ["x", ["db:*"], { tenant: "root" }, "tenant"],
  ] as const)("%j %j %j is refused, naming %s", async (name, permissions, options, why) => {
    const { auth } = admin();
    await expect(async () => auth.createApiKey(name, permissions as unknown as string[], options as never)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(why),
    });
  });
});

describe("nobody can hand on what they do not hold", () => {
  it("a key makes keys within its own permissions", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("maker", ["auth:*:keys/*", "db:read"]);
    const maker = (await as(key)).auth;
    const child = await maker.createApiKey("child", ["db:read:orders/*"]);
    expect(child.permissions).toEqual(["db:read:orders/*"]);
    for (const over of [["db:write"], ["db:*"], ["*"], ["db:read", "queue:read"], ["auth:write:roles/*"]]) {
      await expect(async () => maker.createApiKey("over", over)).rejects.toMatchObject({
        code: "PERMISSION_DENIED",
        reason: "BEYOND_GRANTS",
      });
      await expect(async () => maker.updateApiKey(child.id, { permissions: over })).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    }
    await expect(async () => maker.createApiKey("tier", ["db:read"], { tier: "internal" })).rejects.toMatchObject({
      reason: "BEYOND_GRANTS",
    });
  });

  it("a stronger key cannot be rotated, enabled or prolonged by a weaker one, only switched off", async () => {
    const { auth } = admin();
    const strong = await auth.createApiKey("strong", ["db:*"]);
    await auth.assignRole("admin", strong.id);
    const { key } = await auth.createApiKey("weak", ["auth:*:keys/*", "db:*"]);
    const weak = (await as(key)).auth;
    await expect(async () => weak.rotateApiKey(strong.id)).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    await expect(async () => weak.updateApiKey(strong.id, { expiresAt: null })).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    expect(await weak.updateApiKey(strong.id, { disabled: true })).toMatchObject({ disabled: true });
    await expect(async () => weak.updateApiKey(strong.id, { disabled: false })).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
  });

  it("roles and single permissions hold to the same", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("roles", ["auth:*:roles/*", "db:read"]);
    const some = (await as(key)).auth;
    expect(await some.createRole("readers", ["db:read"])).toMatchObject({ name: "readers", builtIn: false });
    await expect(async () => some.createRole("writers", ["db:write"])).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    await expect(async () => some.updateRole("readers", { permissions: ["*"] })).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    await expect(async () => some.assignRole("owner", id)).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    await expect(async () => some.grantPermission("db:write", id)).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    expect(await some.grantPermission("db:read:x", id)).toEqual({ changed: true });
  });
});

describe("roles and permissions", () => {
  it("a role is given, changed and taken away, and counts at once", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("bare", []);
    const session = await as(key);
    await expect(async () => session.db.get("a", "b")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await auth.createRole("reader", ["db:read"], { description: "reads" });
    expect(await auth.assignRole("reader", id)).toEqual({ changed: true });
    expect(await auth.assignRole("reader", id)).toEqual({ changed: false });
    expect(await session.db.get("a", "b")).toBeNull();
    await auth.updateRole("reader", { permissions: ["queue:read"] });
    await expect(async () => session.db.get("a", "b")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await auth.getRights(id)).toEqual({ subject: id, roles: ["reader"], permissions: [], effective: ["queue:read"] });
    expect(await auth.deleteRole("reader")).toEqual({ deleted: true });
    expect(await auth.getRights(id)).toMatchObject({ roles: [], effective: [] });
  });

  it("those built in are there, and nobody changes them", async () => {
    const { auth } = admin();
    const { items } = await auth.listRoles();
    expect(items.filter(({ builtIn }) => builtIn).map(({ name }) => name)).toEqual(["owner", "admin", "developer", "viewer", "auditor"]);
    for (const act of [() => auth.deleteRole("owner"), () => auth.updateRole("viewer", { permissions: ["*"] })]) {
      await expect(async () => act()).rejects.toMatchObject({ code: "PERMISSION_DENIED", reason: "ROLE_BUILT_IN" });
    }
    await expect(async () => auth.createRole("owner", [])).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(async () => auth.assignRole("nobody", "key_01M7YEBV9WQSQ34P2RRSS1QHFF")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("checkPermission says by what, and what is missing", async () => {
    const { auth } = admin();
    const { id, key } = await auth.createApiKey("asked", ["db:read"]);
    const own = (await as(key)).auth;
    expect(await own.checkPermission("db:read:orders/1")).toEqual({ allowed: true, via: ["db:read"], missing: [] });
    expect(await own.checkPermissions(["db:read", "db:write"])).toEqual({ allowed: false, via: ["db:read"], missing: ["db:write"] });
    expect(await auth.checkPermission("db:write", { subject: id })).toMatchObject({ allowed: false });
    const { id: other } = await auth.createApiKey("other", ["db:*"]);
    await expect(async () => own.checkPermission("db:read", { subject: other })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("owner in a tenant is not the operator: the tier bounds all roles", async () => {
    const { auth, tenant } = admin();
    const { key, id } = await auth.createApiKey("owner", []);
    await admin(tenant, "internal").auth.assignRole("owner", id);
    const who = await (await as(key)).whoami();
    expect(who.scopes).not.toContain("*");
    expect(who.scopes).toContain("auth:*");
  });
});

describe("code and auth", () => {
  it("in a tier that has auth for code, mints no more than its execution was given", async () => {
    const DO = admin(undefined, "internal");
    const code = `
      const tried = {};
      for (const scope of ["db:read", "auth:read:keys/*", "*", "queue:read", "executions:read"])
        tried[scope] = await auth.createApiKey("k", [scope]).then(() => "made", (e) => e.reason);
      return tried`;
    expect((await DO.execute({ code, services: ["auth", "db"] })).result).toEqual({
      "db:read": "made",
      "auth:read:keys/*": "made",
      "*": "BEYOND_GRANTS",
      "queue:read": "BEYOND_GRANTS",
      "executions:read": "BEYOND_GRANTS",
    });
    expect((await DO.execute({ code: `return auth.whoami().then((w) => w.principal.kind)`, services: ["auth"] })).result).toBe("key");
  });

  it("in a tier that has not, has no auth at all, not even its open methods", async () => {
    const { result } = await admin().execute({
      code: `return [typeof auth, await env.DO.auth.whoami().catch((e) => e.message)]`,
    });
    expect(result).toEqual(["undefined", expect.stringContaining("Cannot use auth")]);
  });
});

describe("the audit trail", () => {
  it("has each act with actor, object, time and request, and no secret", async () => {
    const { auth, tenant } = admin();
    const { id, key } = await auth.createApiKey("seen", ["db:read"]);
    const session = await as(key);
    await expect(async () => session.db.upsert("a", "b", {})).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await auth.assignRole("viewer", id);
    await auth.rotateApiKey(id, { overlapSeconds: 5 });
    await auth.revokeApiKey(id);
    const { items } = await auth.listAudit();
    expect(items.map(({ action }) => action)).toEqual([
      "key.revoked",
      "key.rotated",
      "role.assigned",
      "permission.denied",
      "key.first-used",
      "key.created",
    ]);
    for (const { at, requestId } of items) {
      expect(Date.parse(at)).toBeGreaterThan(Date.now() - 60_000);
      expect(requestId).toMatch(/^req_/);
    }
    expect(items[3]).toMatchObject({ actor: { kind: "key", id }, object: "db:write:a" });
    expect(items[5]).toMatchObject({ actor: { id: `key-of-${tenant}` }, object: id, details: { permissions: ["db:read"] } });
    expect(JSON.stringify(items)).not.toContain(key.slice(-49));
  });

  it("is read in pages, by filter, by who may", async () => {
    const { auth } = admin();
    for (let i = 0; i < 5; i++) await auth.createApiKey(`k${i}`, []);
    const first = await auth.listAudit({ limit: 3 });
    expect(first.items).toHaveLength(3);
    const second = await auth.listAudit({ limit: 3, ...(first.cursor === undefined ? {} : { cursor: first.cursor }) });
    expect(second).toMatchObject({ items: [{}, {}] });
    expect(second.cursor).toBeUndefined();
    const { key } = await auth.createApiKey("auditor", []);
    const blind = (await as(key)).auth;
    await expect(async () => blind.listAudit()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("a flood of refusals is one line and its number", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("flood", []);
    const session = await as(key);
    for (let i = 0; i < 20; i++) await (session.db.get("a", "b") as Promise<unknown>).catch(() => undefined);
    expect((await auth.listAudit({ action: "permission.denied" })).items).toHaveLength(1);
  });
});

describe("the root key and what stands beside it", () => {
  it("still opens everything, and its keys are of its tier", async () => {
    const { auth } = await root();
    const made = await auth.createApiKey("service", ["db:*"]);
    const who = await (await as(made.key)).whoami();
    expect(who).toMatchObject({ principal: { tenant: "root", tier: "internal" }, scopes: ["db:*"], limits: { perMinute: null } });
    await auth.revokeApiKey(made.id);
  });
});
