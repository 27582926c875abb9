import { DoError } from "../../../../sdk/src/errors.ts";
import { noUser } from "../accounts/users.ts";
import { isPlatform } from "../actor.ts";
import { hashPassword, isPassword, NOBODYS_HASH } from "../password.ts";
import { DEFAULT_PAGE } from "../schema/shared.ts";
import { userMethods, type User } from "../schema/users.ts";
import { callersOnly, type AuthDeps, type Methods } from "./deps.ts";

export function userService(deps: AuthDeps): Methods<keyof typeof userMethods> {
  const { accounts, realm, realmOf, actor, now } = deps;
  /** A user whom the caller's tenant looks after; the operator looks after all. */
  const looked = async (id: string): Promise<User> => {
    const user = await accounts.getUser(id);
    if (user.home === actor.tenant || isPlatform(actor)) return user;
    throw noUser();
  };
  const everywhere = async (userId: string, end: (tenant: string) => Promise<unknown>) => {
    for (const tenant of [...(await accounts.tenantsOf(userId)), userId]) await end(tenant);
  };
  const endSessions = (userId: string, but?: string) =>
    everywhere(userId, (tenant) => realmOf(tenant).revokeSessionsOf(actor, userId, but, now()));

  return {
    createUser: async (email, { name = email, password, roles = [], withoutTenant } = {}) => {
      callersOnly(actor);
      if (withoutTenant && (!isPlatform(actor) || roles.length > 0)) {
        throw new DoError("PERMISSION_DENIED", "Cannot make a user without tenant: it is the operator's to do, and without roles", {
          reason: "OPERATOR_ONLY",
        });
      }
      // Before there is a user, so that none is left behind by a refusal.
      if (!withoutTenant) await realm.mayAddMember(actor, roles);
      const home = withoutTenant ? undefined : actor.tenant;
      const user = await accounts.createUser(email, name, password && (await hashPassword(password)), home, now());
      if (home !== undefined) await realm.addMember(actor, user.id, user.email, roles, now());
      await realm.note(actor, "user.created", user.id, now());
      return user;
    },
    getUser: looked,
    listUsers: async ({ limit = DEFAULT_PAGE, cursor } = {}) =>
      accounts.listUsers(isPlatform(actor) ? undefined : actor.tenant, limit, cursor),
    updateUser: async (id, changes) => {
      callersOnly(actor);
      await looked(id);
      const user = await accounts.updateUser(id, changes);
      const { disabled } = changes;
      if (disabled !== undefined) await everywhere(id, (tenant) => realmOf(tenant).setBlocked(actor, id, disabled, now()));
      await realm.note(actor, "user.updated", id, now(), { changed: Object.keys(changes), disabled: user.disabled });
      return user;
    },
    deleteUser: async (id) => {
      callersOnly(actor);
      await looked(id);
      await everywhere(id, async (tenant) => {
        await realmOf(tenant).setBlocked(actor, id, true, now());
        await realmOf(tenant).removeMember(actor, id, now());
      });
      await accounts.deleteUser(id);
      await realm.note(actor, "user.deleted", id, now());
      return { deleted: true };
    },
    setPassword: async (id, password) => {
      callersOnly(actor);
      const user = await looked(id);
      // Who sets a password can act as the user, wherever the user belongs.
      if (!isPlatform(actor)) await mayBecome(deps, user);
      await accounts.setPasswordHash(id, await hashPassword(password));
      await endSessions(id);
      await realm.note(actor, "user.password-set", id, now());
      return { changed: true };
    },
    changePassword: async (current, password) => {
      callersOnly(actor);
      if (actor.kind !== "user")
        throw new DoError("PERMISSION_DENIED", "Cannot change the password: the caller is no user", { reason: "NOT_A_USER" });
      // Counted as a try to sign in is: it is another way to guess.
      const { email } = await accounts.getUser(actor.id);
      const known = await accounts.beginSignIn(email, actor.address, now());
      if (!(await isPassword(current, known?.password ?? NOBODYS_HASH)) || !known?.password) {
        throw new DoError("UNAUTHENTICATED", "Cannot change the password: the current one is another", { reason: "BAD_PASSWORD" });
      }
      await accounts.endSignIn(email, actor.address);
      await accounts.setPasswordHash(actor.id, await hashPassword(password));
      await endSessions(actor.id, actor.credentialId);
      await realm.note(actor, "user.password-changed", actor.id, now());
      return { changed: true };
    },
    addMember: async (userId, { roles = [] } = {}) => {
      callersOnly(actor);
      const { email, disabled } = await accounts.getUser(userId);
      if (disabled) throw new DoError("CONFLICT", "Cannot take in a user who is disabled", { reason: "USER_DISABLED" });
      const member = await realm.addMember(actor, userId, email, roles, now());
      await accounts.join(userId, actor.tenant);
      return member;
    },
    listMembers: async ({ limit = DEFAULT_PAGE, cursor } = {}) => realm.listMembers(limit, cursor),
    removeMember: async (userId) => {
      callersOnly(actor);
      const removed = await realm.removeMember(actor, userId, now());
      await accounts.leave(userId, actor.tenant);
      return removed;
    },
  };
}

/** @throws DoError PERMISSION_DENIED */
async function mayBecome({ accounts, realm, actor }: AuthDeps, { id }: User): Promise<void> {
  const elsewhere = (await accounts.tenantsOf(id)).filter((tenant) => tenant !== actor.tenant);
  if (elsewhere.length > 0) {
    throw new DoError("PERMISSION_DENIED", "Cannot set the password of a user who belongs to other tenants too", {
      reason: "BEYOND_GRANTS",
    });
  }
  await realm.mayActAs(actor, id);
}
