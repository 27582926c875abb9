import { onceKey } from "../../shared/once.ts";
import { hashCredential, parseCredential } from "../credential.ts";
import type { Entry, Refusal } from "../realm/entrance.ts";
import { DEFAULT_PAGE, momentMs } from "../schema/shared.ts";
import type { Verdict } from "../schema/keys.ts";
import { covers } from "../scopes.ts";
import type { AuthDeps, Methods } from "./deps.ts";

const DEFAULT_ENVIRONMENT = "live";

type KeyMethod = "createApiKey" | "listApiKeys" | "getApiKey" | "updateApiKey" | "revokeApiKey" | "rotateApiKey" | "verifyApiKey";

export function keyService(deps: AuthDeps): Methods<KeyMethod> {
  const { realm, actor, now } = deps;
  return {
    createApiKey: async (name, permissions, options = {}) => {
      const { environment = DEFAULT_ENVIRONMENT, expiresAt, ownerId, tier, meta = {}, rateLimits = [], credits, addresses = [] } = options;
      const key = {
        name,
        permissions,
        environment,
        tier,
        // Of a user of ours: one of another issuer is nobody here when their token is over.
        ownerId: ownerId ?? (actor.id.startsWith("usr_") ? actor.id : undefined),
        createdBy: actor.id,
        expiresMs: expiresAt === undefined ? undefined : momentMs(expiresAt),
        meta,
        rateLimits,
        credits,
        addresses,
      };
      return realm.createApiKey(actor, key, now(), onceKey(options.idempotencyKey, "createApiKey", key));
    },
    listApiKeys: async ({ limit = DEFAULT_PAGE, cursor, ownerId } = {}) => realm.listApiKeys(limit, cursor, ownerId),
    getApiKey: async (id) => realm.getApiKey(id),
    updateApiKey: async (id, changes) => realm.updateApiKey(actor, id, changes, now()),
    revokeApiKey: async (id) => realm.revokeApiKey(actor, id, now()),
    rotateApiKey: async (id, { overlapSeconds = 0, idempotencyKey } = {}) =>
      realm.rotateApiKey(actor, id, overlapSeconds * 1_000, now(), onceKey(idempotencyKey, "rotateApiKey", [id, overlapSeconds])),
    verifyApiKey: async (text, { permission, cost = 1, address } = {}) => {
      const credential = parseCredential(text);
      if (!credential) return { valid: false, code: "NOT_FOUND" };
      const presented = {
        kind: "key",
        id: `key_${credential.ulid}`,
        hash: hashCredential(text),
        address,
        requestId: actor.requestId,
      } as const;
      // Looked at first: what lacks the permission costs nothing.
      const seen = await realm.enter({ ...presented, cost: 0 }, now());
      const isLacking = permission !== undefined && seen.identity !== undefined && !covers(seen.identity.scopes, permission);
      const entry = cost === 0 || isLacking || seen.refusal ? seen : await realm.enter({ ...presented, cost }, now());
      const code = isLacking ? "INSUFFICIENT_PERMISSIONS" : verdictOf(entry.refusal);
      return { valid: code === "VALID", code, ...(await factsOf(deps, entry)) };
    },
  };
}

async function factsOf({ realm }: AuthDeps, { identity, retryAfterMs }: Entry) {
  const wait = retryAfterMs > 0 ? { retryAfterMs } : {};
  if (!identity) return wait;
  const { name, meta, expiresAt } = await realm.getApiKey(identity.id);
  return {
    keyId: identity.id,
    name,
    meta,
    tier: identity.tier,
    permissions: identity.scopes,
    ...(identity.ownerId === undefined ? {} : { ownerId: identity.ownerId }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(identity.creditsRemaining === undefined ? {} : { creditsRemaining: identity.creditsRemaining }),
    ...wait,
  };
}

function verdictOf(refusal: Refusal | undefined): Verdict {
  switch (refusal) {
    case undefined:
      return "VALID";
    case "unknown":
      return "NOT_FOUND";
    case "expired":
      return "EXPIRED";
    case "revoked":
      return "REVOKED";
    case "disabled":
    case "tenant-disabled":
    case "owner-gone":
    case "tier":
      return "DISABLED";
    case "address":
      return "FORBIDDEN";
    case "rate":
      return "RATE_LIMITED";
    case "credits":
      return "USAGE_EXCEEDED";
  }
}
