import { DoError } from "../../../../sdk/src/errors.ts";
import { onceKey } from "../../shared/once.ts";
import { isPlatform, type Actor } from "../actor.ts";
import type { NewKey } from "../realm/keys.ts";
import type { tenantMethods } from "../schema/users.ts";
import { DEFAULT_PAGE } from "../schema/shared.ts";
import type { AuthDeps, Methods } from "./deps.ts";

/** The tier of a tenant for which none is named. */
const DEFAULT_TIER = "tenant";

/** What the operator does for tenants: the one part of auth that reaches beyond the caller's own. */
export function tenantService({ accounts, realm, realmOf, tiers, actor, now }: AuthDeps): Methods<keyof typeof tenantMethods> {
  const checkTier = (tier: string | undefined) => {
    if (tier === undefined || tiers.has(tier)) return;
    throw new DoError("INVALID_ARGUMENT", `Cannot use tier "${tier}": it is not defined; there are ${[...tiers.keys()].join(", ")}`, {
      reason: "UNKNOWN_TIER",
    });
  };
  return {
    createTenant: async (name, { displayName = name, tier = DEFAULT_TIER, idempotencyKey } = {}) => {
      operatorOnly(actor);
      checkTier(tier);
      // The names of users are those of the Realms that are theirs alone.
      if (name.startsWith("usr_")) throw new DoError("INVALID_ARGUMENT", 'Cannot make the tenant: its name may not begin with "usr_"');
      const tenant = await accounts.createTenant(name, displayName, tier, now());
      await realmOf(name).setTenant(actor, { tier }, now());
      const once = onceKey(idempotencyKey, "createTenant", [name, displayName, tier]);
      const { key } = await realmOf(name).createApiKey(actor, newKey(`owner of ${name}`.slice(0, 100), ["*"], actor), now(), once);
      await realm.note(actor, "tenant.created", name, now(), { tier });
      return { ...tenant, key };
    },
    listTenants: async ({ limit = DEFAULT_PAGE, cursor } = {}) => {
      operatorOnly(actor);
      return accounts.listTenants(limit, cursor);
    },
    updateTenant: async (name, changes) => {
      operatorOnly(actor);
      checkTier(changes.tier);
      const tenant = await accounts.updateTenant(name, changes);
      await realmOf(name).setTenant(actor, changes, now());
      await realm.note(actor, "tenant.changed", name, now(), changes);
      return tenant;
    },
    createTenantKey: async (name, keyName, permissions) => {
      operatorOnly(actor);
      await accounts.getTenant(name);
      return realmOf(name).createApiKey(actor, { ...newKey(keyName, permissions, actor), tier: undefined }, now(), undefined);
    },
  };
}

function newKey(name: string, permissions: readonly string[], { id }: Actor): NewKey {
  return {
    name,
    permissions,
    environment: "live",
    tier: undefined,
    ownerId: undefined,
    createdBy: id,
    expiresMs: undefined,
    meta: {},
    rateLimits: [],
    credits: undefined,
    addresses: [],
  };
}

/** @throws DoError PERMISSION_DENIED, also to code that the operator runs */
function operatorOnly(actor: Actor): void {
  if (isPlatform(actor)) return;
  throw new DoError("PERMISSION_DENIED", "Cannot look after tenants: it is the operator's to do", { reason: "OPERATOR_ONLY" });
}
