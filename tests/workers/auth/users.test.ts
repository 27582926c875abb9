import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { hashPassword, isOutdated, isPassword } from "../../../workers/core-services/auth/password.ts";
import { anonymousBinding, newTenant } from "../support.ts";
import { admin, as, root, surface } from "./support.ts";

const PASSWORD = "correct horse battery";
const newEmail = () => `u-${crypto.randomUUID()}@example.test`;
const nobody = () => surface(anonymousBinding()).auth;

/** A tenant whose administrator may do everything, and a user in it. */
async function tenantWithUser(roles: string[] = ["developer"], tenant = newTenant()) {
  const owner = admin(tenant);
  const email = newEmail();
  const user = await owner.auth.createUser(email, { password: PASSWORD, roles });
  return { ...owner, email, user };
}

describe("passwords", () => {
  it("are kept as scrypt with its parameters, salted, and compared whole", async () => {
    const [one, two] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)];
    expect(one).toMatch(/^scrypt\$ln=14,r=8,p=5\$[\w-]{22}\$[\w-]{43}$/);
    expect(one).not.toBe(two);
    expect(await isPassword(PASSWORD, one)).toBe(true);
    for (const other of ["", "correct horse batter", `${PASSWORD} `, PASSWORD.toUpperCase()])
      expect(await isPassword(other, one)).toBe(false);
    expect(await isPassword("pa\u00dfwo\u0308rter", await hashPassword("pa\u00dfw\u00f6rter"))).toBe(true);
    expect([isOutdated(one), isOutdated(one.replace("ln=14", "ln=13"))]).toEqual([false, true]);
  });
});

describe("signing in", () => {
  it("gives a session as the member, with the member's roles", async () => {
    const { auth, tenant, email, user } = await tenantWithUser(["viewer"]);
    const tokens = await nobody().signIn(email, PASSWORD, { device: "laptop" });
    expect(tokens).toMatchObject({ tenant, token: expect.stringMatching(/^do_ses_/), refreshToken: expect.stringMatching(/^do_ref_/) });
    expect(tokens.session).toMatchObject({ userId: user.id, device: "laptop" });
    const session = await as(tokens.token);
    expect(await session.whoami()).toMatchObject({
      principal: { kind: "user", id: user.id, tenant, tier: "tenant" },
      credential: { id: tokens.session.id, expiresAt: tokens.expiresAt },
    });
    expect(await session.db.get("a", "b")).toBeNull();
    await expect(async () => session.db.upsert("a", "b", {})).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await auth.assignRole("developer", user.id);
    expect(await session.db.upsert("a", "b", {})).toMatchObject({ created: true });
    expect((await auth.listAudit({ action: "sign-in" })).items).toMatchObject([{ actor: { kind: "user", id: user.id } }]);
  });

  it("answers the same for a wrong password, an unknown address, a user without password and one who is disabled", async () => {
    const { auth, email, user } = await tenantWithUser();
    const bare = newEmail();
    await auth.createUser(bare);
    const errors = [];
    const attempts = [
      [email, "wrong password"],
      [newEmail(), PASSWORD],
      [bare, PASSWORD],
      ["", ""],
    ] as const;
    for (const [who, password] of attempts) {
      errors.push(
        await nobody()
          .signIn(who, password)
          .then(String, ({ code, reason, message }: { code: string; reason: string; message: string }) => ({ code, reason, message })),
      );
    }
    await auth.updateUser(user.id, { disabled: true });
    errors.push(
      await nobody()
        .signIn(email, PASSWORD)
        .then(String, ({ code, reason, message }: { code: string; reason: string; message: string }) => ({ code, reason, message })),
    );
    for (const error of errors) expect(error).toEqual(errors[0]);
    expect(errors[0]).toMatchObject({ code: "UNAUTHENTICATED", reason: "BAD_SIGN_IN" });
    const platform = await (await root()).auth.listAudit({ action: "sign-in.failed", object: user.id });
    expect(platform.items.length).toBeGreaterThan(0);
  });

  it("is refused after ten tries at one user, whether there is one or not", async () => {
    // Another object than the one that the others sign in by: its clock is in the future.
    const accounts = env.ACCOUNTS.getByName(`accounts-${newTenant()}`);
    const email = newEmail();
    await accounts.createUser(email, "name", undefined, undefined, 0);
    for (const [n, who] of [email, newEmail()].entries()) {
      const codes: string[] = [];
      for (let i = 0; i < 11; i++) {
        const at = 1_000_000 * (n + 1) + i * 1_000;
        codes.push(
          await accounts.beginSignIn(who, "192.0.2.1", at).then(
            () => "tried",
            (e: { code: string }) => e.code,
          ),
        );
      }
      expect(codes).toEqual([...Array.from({ length: 10 }, () => "tried"), "RATE_LIMITED"]);
    }
  });

  it("as somebody whose password one knows is counted too, though right ones are not held against the user", async () => {
    const accounts = env.ACCOUNTS.getByName(`accounts-${newTenant()}`);
    // From now on: what is over by the clock is forgotten between the tries.
    const startedMs = Date.now();
    const at = (i: number) => startedMs + i * 1_000;
    let tries = 0;
    const isRefused = () =>
      accounts.beginSignIn("a@b.test", "192.0.2.1", at(tries++)).then(
        () => accounts.endSignIn("a@b.test", "192.0.2.1").then(() => false),
        () => true,
      );
    while (!(await isRefused()));
    // A hundred at once, and one for each six seconds since.
    expect(tries).toBeGreaterThan(100);
    expect(tries).toBeLessThan(125);
  });

  it("into one of several tenants needs its name; into another's is refused", async () => {
    const { email, user, tenant } = await tenantWithUser();
    const other = admin();
    await other.auth.addMember(user.id, { roles: ["viewer"] });
    await expect(async () => nobody().signIn(email, PASSWORD)).rejects.toMatchObject({
      code: "PRECONDITION_FAILED",
      reason: "TENANT_NEEDED",
      details: { tenants: [tenant, other.tenant].toSorted() },
    });
    expect(await nobody().signIn(email, PASSWORD, { tenant: other.tenant })).toMatchObject({ tenant: other.tenant });
    await expect(async () => nobody().signIn(email, PASSWORD, { tenant: "root" })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "NO_MEMBER",
    });
  });

  it("without a tenant is tier public, in a place of one's own", async () => {
    const { auth } = await root();
    const email = newEmail();
    const user = await auth.createUser(email, { password: PASSWORD, withoutTenant: true });
    const session = await as((await nobody().signIn(email, PASSWORD)).token);
    expect((await session.whoami()).principal).toEqual({ kind: "user", id: user.id, tenant: user.id, tier: "public" });
    expect(await session.db.get("a", "b")).toBeNull();
    const { key } = await session.auth.createApiKey("mine", ["db:read"]);
    expect(await (await as(key)).whoami()).toMatchObject({ principal: { tenant: user.id, tier: "public" }, scopes: ["db:read"] });
    await expect(async () => session.auth.createApiKey("over", ["queue:read"])).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
  });
});

describe("a session", () => {
  it("is refreshed: new tokens, the old access token ends", async () => {
    const { email } = await tenantWithUser();
    const first = await nobody().signIn(email, PASSWORD);
    const second = await nobody().refreshSession(first.refreshToken);
    expect(second.session.id).toBe(first.session.id);
    expect(second.token).not.toBe(first.token);
    expect((await (await as(second.token)).whoami()).principal.kind).toBe("user");
    await expect(() => as(first.token)).rejects.toMatchObject({ code: "UNAUTHENTICATED", reason: "BAD_CREDENTIAL" });
    await expect(() => as(second.refreshToken)).rejects.toMatchObject({ reason: "BAD_CREDENTIAL" });
  });

  it("ends for everybody when a refresh token comes twice", async () => {
    const { auth, email } = await tenantWithUser();
    const stolen = await nobody().signIn(email, PASSWORD);
    const second = await nobody().refreshSession(stolen.refreshToken);
    const third = await nobody().refreshSession(second.refreshToken);
    await expect(async () => nobody().refreshSession(stolen.refreshToken)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      reason: "REUSE_DETECTED",
    });
    await expect(async () => nobody().refreshSession(third.refreshToken)).rejects.toMatchObject({ reason: "SESSION_ENDED" });
    await expect(() => as(third.token)).rejects.toMatchObject({ reason: "CREDENTIAL_REVOKED" });
    expect((await auth.listAudit({ action: "session.reuse-detected" })).items).toHaveLength(1);
  });

  it("of two refreshes at the same time at most one is served", async () => {
    const { email } = await tenantWithUser();
    const { refreshToken } = await nobody().signIn(email, PASSWORD);
    const results = await Promise.allSettled(Array.from({ length: 5 }, async () => nobody().refreshSession(refreshToken)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("is not ended by who makes up a refresh token for it", async () => {
    const { email } = await tenantWithUser();
    const { refreshToken, token } = await nobody().signIn(email, PASSWORD);
    const { newCredential, parseCredential } = await import("../../../workers/core-services/auth/credential.ts");
    const parsed = parseCredential(refreshToken);
    if (!parsed) throw new Error("no credential");
    await expect(async () => nobody().refreshSession(newCredential(parsed))).rejects.toMatchObject({ reason: "BAD_CREDENTIAL" });
    expect((await (await as(token)).whoami()).principal.kind).toBe("user");
  });

  it("expires: the access token after a quarter of an hour, the refresh token after thirty days", async () => {
    const { email, tenant } = await tenantWithUser();
    const { token, refreshToken, session } = await nobody().signIn(email, PASSWORD);
    const back = (column: string) =>
      runInDurableObject(env.REALM.getByName(tenant), (_realm, { storage }) => {
        storage.sql.exec(`UPDATE sessions SET ${column} = ? WHERE id = ?`, Date.now() - 1, session.id);
      });
    await back("access_ends_ms");
    await expect(() => as(token)).rejects.toMatchObject({ reason: "CREDENTIAL_EXPIRED" });
    const refreshed = await nobody().refreshSession(refreshToken);
    await back("idle_ends_ms");
    await expect(async () => nobody().refreshSession(refreshed.refreshToken)).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  });

  it("is listed and ended by its user without any scope, and of others only by who may", async () => {
    const { auth, email } = await tenantWithUser([]);
    const [one, two] = [await nobody().signIn(email, PASSWORD), await nobody().signIn(email, PASSWORD)];
    const session = await as(one.token);
    expect((await session.auth.listSessions()).items.map(({ id }) => id)).toEqual([two.session.id, one.session.id]);
    expect(await session.auth.revokeSession(two.session.id)).toEqual({ revoked: true });
    await expect(() => as(two.token)).rejects.toMatchObject({ reason: "CREDENTIAL_REVOKED" });
    const stranger = await auth.createUser(newEmail(), { password: PASSWORD });
    await expect(async () => session.auth.listSessions({ userId: stranger.id })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await session.auth.signOut()).toEqual({ revoked: true });
    await expect(async () => session.auth.listSessions()).rejects.toMatchObject({ reason: "CREDENTIAL_REVOKED" });
  });

  it("holds no secret in what is kept of it", async () => {
    const { email, tenant } = await tenantWithUser();
    const { token, refreshToken } = await nobody().signIn(email, PASSWORD);
    const kept = await runInDurableObject(env.REALM.getByName(tenant), (_realm, { storage }) =>
      JSON.stringify(["sessions", "refreshed", "audit", "members"].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray())),
    );
    for (const secret of [token.slice(-49), refreshToken.slice(-49), PASSWORD]) expect(kept).not.toContain(secret);
  });
});

describe("changing a password", () => {
  it("needs the current one, and ends the other sessions", async () => {
    const { email } = await tenantWithUser([]);
    const [one, two] = [await nobody().signIn(email, PASSWORD), await nobody().signIn(email, PASSWORD)];
    const session = await as(one.token);
    await expect(async () => session.auth.changePassword("wrong", "a new password")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(async () => session.auth.changePassword(PASSWORD, "short")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await session.auth.changePassword(PASSWORD, "a new password");
    expect((await session.whoami()).principal.kind).toBe("user");
    await expect(() => as(two.token)).rejects.toMatchObject({ reason: "CREDENTIAL_REVOKED" });
    await expect(async () => nobody().signIn(email, PASSWORD)).rejects.toMatchObject({ reason: "BAD_SIGN_IN" });
    expect((await nobody().signIn(email, "a new password")).token).toBeDefined();
  });

  it("of another is for who holds all that they hold, and looks after them", async () => {
    const { auth, user, email } = await tenantWithUser(["owner"]);
    const helper = await auth.createUser(newEmail(), { password: PASSWORD, roles: ["admin"] });
    const asHelper = await as((await nobody().signIn(helper.email, PASSWORD)).token);
    await expect(async () => asHelper.auth.setPassword(user.id, "taken over by me")).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    await expect(async () => asHelper.auth.createSession(user.id)).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    await expect(async () => admin().auth.setPassword(user.id, "taken over by me")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const { auth: operator } = await root();
    await operator.setPassword(user.id, "set by the operator");
    expect((await nobody().signIn(email, "set by the operator")).token).toBeDefined();
  });
});

describe("members", () => {
  it("who is removed is out at once: sessions and keys", async () => {
    const { auth, email, user } = await tenantWithUser(["admin"]);
    const session = await as((await nobody().signIn(email, PASSWORD)).token);
    const { key, ownerId } = await session.auth.createApiKey("mine", ["db:read"]);
    expect(ownerId).toBe(user.id);
    expect(await (await as(key)).db.get("a", "b")).toBeNull();
    expect(await auth.removeMember(user.id)).toEqual({ removed: true });
    await expect(async () => session.whoami()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(() => as(key)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect((await nobody().signIn(email, PASSWORD)).tenant).toBe(user.id);
  });

  it("who is disabled is out with all their credentials, and who is enabled again has their keys back", async () => {
    const { auth, email, user } = await tenantWithUser(["admin"]);
    const { token } = await nobody().signIn(email, PASSWORD);
    const { key } = await (await as(token)).auth.createApiKey("mine", ["db:read"]);
    await auth.updateUser(user.id, { disabled: true });
    await expect(() => as(token)).rejects.toMatchObject({ reason: "CREDENTIAL_REVOKED" });
    await expect(() => as(key)).rejects.toMatchObject({ reason: "OWNER_GONE" });
    await auth.updateUser(user.id, { disabled: false });
    expect(await (await as(key)).db.get("a", "b")).toBeNull();
    await expect(() => as(token)).rejects.toMatchObject({ reason: "CREDENTIAL_REVOKED" });
  });

  it("a key does not outlive the rights of its owner", async () => {
    const { auth, email, user } = await tenantWithUser(["admin"]);
    const session = await as((await nobody().signIn(email, PASSWORD)).token);
    const { key } = await session.auth.createApiKey("mine", ["db:*", "queue:read"]);
    const open = await as(key);
    expect(await open.db.upsert("a", "b", {})).toMatchObject({ created: true });
    await auth.unassignRole("admin", user.id);
    await auth.assignRole("viewer", user.id);
    await expect(async () => open.db.upsert("a", "b", {})).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect((await open.whoami()).scopes.toSorted()).toEqual(["db:read", "queue:read"]);
  });

  it("are given no more than who takes them in holds", async () => {
    const { auth, email } = await tenantWithUser(["admin"]);
    const session = await as((await nobody().signIn(email, PASSWORD)).token);
    await expect(async () => session.auth.createUser(newEmail(), { roles: ["owner"] })).rejects.toMatchObject({ reason: "BEYOND_GRANTS" });
    expect((await auth.listMembers()).items).toHaveLength(1);
    const made = await session.auth.createUser(newEmail(), { roles: ["viewer"] });
    expect((await auth.listMembers()).items.find(({ userId }) => userId === made.id)?.roles).toEqual(["viewer"]);
  });

  it("an e-mail address is one user's, in any case", async () => {
    const { auth, email } = await tenantWithUser();
    await expect(async () => auth.createUser(email.toUpperCase())).rejects.toMatchObject({ code: "CONFLICT", reason: "EMAIL_TAKEN" });
    expect((await nobody().signIn(email.toUpperCase(), PASSWORD)).token).toBeDefined();
  });

  it("who is deleted is gone", async () => {
    const { auth, email, user } = await tenantWithUser(["viewer"]);
    const { token } = await nobody().signIn(email, PASSWORD);
    expect(await auth.deleteUser(user.id)).toEqual({ deleted: true });
    await expect(() => as(token)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(async () => nobody().signIn(email, PASSWORD)).rejects.toMatchObject({ reason: "BAD_SIGN_IN" });
    await expect(async () => auth.getUser(user.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("tenants", () => {
  it("are made by the operator, with a key of their owner", async () => {
    const { auth } = await root();
    const name = newTenant();
    const { key, tier } = await auth.createTenant(name);
    expect(tier).toBe("tenant");
    const owner = await as(key);
    expect((await owner.whoami()).principal).toMatchObject({ tenant: name, tier: "tenant" });
    await expect(async () => owner.auth.createTenant(newTenant())).rejects.toMatchObject({ reason: "OPERATOR_ONLY" });
    await expect(async () => owner.auth.listTenants()).rejects.toMatchObject({ reason: "OPERATOR_ONLY" });
    await expect(async () => auth.createTenant(name)).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("a change of tier and a disabled tenant count at once, for all its credentials", async () => {
    const { auth } = await root();
    const name = newTenant();
    const owner = await as((await auth.createTenant(name)).key);
    await auth.updateTenant(name, { tier: "public" });
    expect((await owner.whoami()).limits.perMinute).toBe(60);
    await auth.updateTenant(name, { disabled: true });
    await expect(async () => owner.whoami()).rejects.toMatchObject({ code: "UNAUTHENTICATED", reason: "TENANT_DISABLED" });
    await auth.updateTenant(name, { disabled: false, tier: "tenant" });
    expect((await owner.whoami()).limits.perMinute).toBe(600);
    await expect(async () => auth.updateTenant(name, { tier: "gold" })).rejects.toMatchObject({ reason: "UNKNOWN_TIER" });
  });

  it("code of the operator is not the operator", async () => {
    const { execute } = await root();
    const code = `
      const tries = [() => auth.createTenant("x"), () => auth.listTenants(), () => auth.createUser("a@b.test"), () => auth.signIn("a@b.test", "x"), () => auth.createSession("usr_01M7YEBV9WQSQ34P2RRSS1QHFF")];
      return Promise.all(tries.map((run) => run().then(() => "done", (e) => e.reason)))`;
    expect((await execute({ code })).result).toEqual(["OPERATOR_ONLY", "OPERATOR_ONLY", "CALLERS_ONLY", "CALLERS_ONLY", "CALLERS_ONLY"]);
  });
});
