import { DoError } from "../../../../sdk/src/errors.ts";
import type { Actor } from "../actor.ts";
import { hashCredential, parseCredential, REFRESH_LABEL } from "../credential.ts";
import type { sessionMethods, Tokens } from "../schema/sessions.ts";
import { DEFAULT_PAGE } from "../schema/shared.ts";
import { allows } from "../scopes.ts";
import { chooseTenant, proveUser } from "./prove-user.ts";
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

async function signIn(
  deps: AuthDeps,
  email: string,
  password: string,
  tenant: string | undefined,
  device: string | undefined,
): Promise<Tokens> {
  const { realmOf, actor, now } = deps;
  const user = await proveUser(deps, actor, actor.address, email, password);
  const into = chooseTenant(user, tenant);
  const by = { kind: "user", id: user.userId, requestId: actor.requestId };
  const session = { userId: user.userId, personal: into === user.userId, device, address: actor.address };
  const tokens = await realmOf(into).openSession(by, session, now());
  await realmOf(into).note(by, "sign-in", tokens.session.id, now());
  return { ...tokens, tenant: into };
}

function mustHold({ scopes }: Actor, access: "read" | "write", resource: string): void {
  if (allows(scopes, "auth", access, resource)) return;
  throw new DoError("PERMISSION_DENIED", `Cannot do this for others: it needs the scope auth:${access}:${resource}`, {
    reason: "MISSING_SCOPE",
  });
}
