import type { Entry, Refusal } from "../../core-services/auth/realm/entrance.ts";
import { DoError } from "./errors.ts";

/**
 * What is said to who was not let in. Whoever reaches a reason of its own has presented the right secret; to everybody
 * else a key that there is and one that there is not are the same.
 */
export function refused(refusal: Refusal, { rates, retryAfterMs }: Pick<Entry, "rates" | "retryAfterMs">): DoError {
  switch (refusal) {
    case "unknown":
      return unauthenticated("the credential is not valid", "BAD_CREDENTIAL");
    case "expired":
      return unauthenticated("the credential has expired", "CREDENTIAL_EXPIRED");
    case "revoked":
      return unauthenticated("the credential was revoked", "CREDENTIAL_REVOKED");
    case "disabled":
      return unauthenticated("the key is disabled", "CREDENTIAL_DISABLED");
    case "tenant-disabled":
      return unauthenticated("the tenant is disabled", "TENANT_DISABLED");
    case "owner-gone":
      return unauthenticated("whose key it is, is no member any more", "OWNER_GONE");
    case "tier":
      return new DoError("PERMISSION_DENIED", "Cannot act: the tier of this credential is not defined", { reason: "UNKNOWN_TIER" });
    case "address":
      return new DoError("PERMISSION_DENIED", "Cannot authenticate: the key may not be used from this address", {
        reason: "ADDRESS_NOT_ALLOWED",
      });
    case "credits":
      return new DoError("LIMIT_EXCEEDED", "Cannot act: the credits of this key are used up", { reason: "CREDITS", retryable: false });
    case "rate":
      return new DoError("RATE_LIMITED", "Too many requests: one is admitted again after the time that retryAfterMs says", {
        reason: "RATE",
        retryAfterMs,
        details: { rates },
      });
  }
}

function unauthenticated(why: string, reason: string): DoError {
  return new DoError("UNAUTHENTICATED", `Cannot authenticate: ${why}`, { reason });
}
