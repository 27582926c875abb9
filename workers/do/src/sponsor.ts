import type { Sponsor } from "../../core-services/shared/background.ts";
import { heldByCode } from "./actor.ts";
import type { Authority } from "./capabilities.ts";
import { DoError } from "./errors.ts";

/**
 * On whose behalf work is done that this authority asks for: never more than it holds now, and nothing once what it
 * stands on (key, user) is gone. A key that is rotated goes on as its successor.
 */
export function sponsorOf({ principal, policy, services, via }: Omit<Authority, "functions">): Sponsor {
  if (principal.kind === "anonymous")
    throw new DoError("PERMISSION_DENIED", "Cannot leave work to be done later: nobody would answer for it", { reason: "NO_SPONSOR" });
  return {
    principal,
    source: sourceOf(principal.kind, principal.id, via.credential !== undefined),
    scopes: via.isGuest ? heldByCode(policy, services) : [...policy.scopes],
    isGuest: via.isGuest,
  };
}

/** A session or token ends sooner than what it was made for: the user or key behind it counts. */
function sourceOf(kind: string, id: string, isByCredential: boolean): string | undefined {
  if (kind === "root") return "root";
  const isOurs = id.startsWith("key_") || id.startsWith("usr_");
  return isByCredential && isOurs ? id : undefined;
}
