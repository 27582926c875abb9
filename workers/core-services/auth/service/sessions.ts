import { DoError } from "../../../../sdk/src/errors.ts";
import { PLATFORM_TENANT, type Actor } from "../actor.ts";
import type { SigningIn } from "../accounts.ts";
import { hashCredential, parseCredential, REFRESH_LABEL } from "../credential.ts";
import { hashPassword, isOutdated, isPassword, NOBODYS_HASH } from "../password.ts";
import type { sessionMethods, Tokens } from "../schema/sessions.ts";
import { DEFAULT_PAGE } from "../schema/shared.ts";
import { allows } from "../scopes.ts";
import { callersOnly, type AuthDeps, type Methods } from "./deps.ts";

export function sessionService(deps: AuthDeps): Methods<keyof typeof sessionMethods> {
  const { accounts, realm, realmOf, actor, now } = deps;
  return {
    signIn: async (email, password, { tenant, device } = {}) => {
      callersOnly(actor);
      return signIn(deps, email, password, tenant, device);
    },
    refreshSession: async (refreshToken) => {
      callersOnly(actor);
      const parsed = parseCredential(refreshToken);
      const tenant = parsed?.label === REFRESH_LABEL ? await accounts.tenantOf(parsed.tag) : undefined;
      if (!parsed || tenant === undefined) {
        throw new DoError("UNAUTHENTICATED", "Cannot refresh: the refresh token is not valid", { reason: "BAD_CREDENTIAL" });
      }
      const tokens = await realmOf(tenant).refreshSession(actor, `ses_${parsed.ulid}`, hashCredential(refreshToken), now());
      return { ...tokens, tenant };
    },
    signOut: async () => {
      callersOnly(actor);
      if (actor.credentialId?.startsWith("ses_")) return realm.revokeSession(actor, actor.credentialId, now());
      throw new DoError("PRECONDITION_FAILED", "Cannot sign out: the caller came without a session", { reason: "NO_SESSION" });
    },
    createSession: async (userId, { device } = {}) => {
      callersOnly(actor);
      await realm.mayActAs(actor, userId);
      const tokens = await realm.openSession(actor, { userId, personal: false, device, address: actor.address }, now());
      return { ...tokens, tenant: actor.tenant };
    },
    getSession: async (id) => realm.getSession(id),
    listSessions: async ({ userId, limit = DEFAULT_PAGE, cursor } = {}) => {
      const whose = userId ?? (actor.kind === "user" && !allows(actor.scopes, "auth", "read", "sessions/") ? actor.id : undefined);
      if (whose !== actor.id) mustHold(actor, "read", `sessions/${whose ?? ""}`);
      return realm.listSessions(whose, limit, cursor);
    },
    revokeSession: async (id) => {
      const isOwn = actor.kind === "user" && !actor.isGuest && (await realm.getSession(id)).userId === actor.id;
      if (!isOwn) mustHold(actor, "write", `sessions/${id}`);
      return realm.revokeSession(actor, id, now());
    },
    revokeAllSessions: async (userId) => realm.revokeSessionsOf(actor, userId, undefined, now()),
  };
}

/**
 * Whether there is such a user, whether they may sign in, and whether the password is theirs: who tries learns only
 * that all three hold, and it takes as long when they do not.
 */
async function signIn(
  deps: AuthDeps,
  email: string,
  password: string,
  tenant: string | undefined,
  device: string | undefined,
): Promise<Tokens> {
  const { accounts, realmOf, actor, now } = deps;
  const user = await accounts.beginSignIn(email, actor.address, now());
  const isRight = await isPassword(password, user?.password ?? NOBODYS_HASH);
  if (!user || user.password === null || user.disabled || !isRight) {
    if (user) await realmOf(PLATFORM_TENANT).noteOften(actor, "sign-in.failed", user.userId, now());
    throw new DoError("UNAUTHENTICATED", "Cannot sign in: the e-mail address or the password is not right", { reason: "BAD_SIGN_IN" });
  }
  if (isOutdated(user.password)) await accounts.setPasswordHash(user.userId, await hashPassword(password));
  const into = chooseTenant(user, tenant);
  const by = { kind: "user", id: user.userId, requestId: actor.requestId };
  const session = { userId: user.userId, personal: into === user.userId, device, address: actor.address };
  const tokens = await realmOf(into).openSession(by, session, now());
  await realmOf(into).note(by, "sign-in", tokens.session.id, now());
  return { ...tokens, tenant: into };
}

/** Of a user without tenant, the one that is theirs alone. @throws DoError PRECONDITION_FAILED, PERMISSION_DENIED */
function chooseTenant({ userId, tenants }: SigningIn, wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (tenants.includes(wanted)) return wanted;
    throw new DoError("PERMISSION_DENIED", `Cannot sign in to "${wanted}": you are no member`, { reason: "NO_MEMBER" });
  }
  const [first, ...others] = tenants;
  if (others.length === 0) return first ?? userId;
  throw new DoError("PRECONDITION_FAILED", "Cannot sign in without naming the tenant: you are a member of several", {
    reason: "TENANT_NEEDED",
    details: { tenants },
  });
}

function mustHold({ scopes }: Actor, access: "read" | "write", resource: string): void {
  if (allows(scopes, "auth", access, resource)) return;
  throw new DoError("PERMISSION_DENIED", `Cannot do this for others: it needs the scope auth:${access}:${resource}`, {
    reason: "MISSING_SCOPE",
  });
}
