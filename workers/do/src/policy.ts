import { allows, intersect, mentions } from "../../core-services/auth/scopes.ts";
import { DEFAULT_TIERS, type Tier, type Tiers } from "../../core-services/auth/tiers.ts";
import type { RateState } from "../../core-services/auth/gcra.ts";
import type { WhoAmI } from "../../../sdk/src/types.ts";
import { DoError } from "./errors.ts";
import type { Principal } from "./principal.ts";

export { allows } from "../../core-services/auth/scopes.ts";

/** What a principal may do, with its limits. Pure data. */
export interface Policy extends Tier {
  readonly tier: string;
}

/** The policy of a principal's tier. Pure: the same principal, the same policy. A tier that is not there refuses. */
export function policy(principal: Principal, tiers: Tiers = DEFAULT_TIERS): Policy {
  const tier = tiers.get(principal.tier);
  if (!tier) {
    throw new DoError("PERMISSION_DENIED", `Cannot act: tier "${principal.tier}" is not defined`, { reason: "UNKNOWN_TIER" });
  }
  return { ...tier, tier: principal.tier };
}

/** The same within what a credential grants: fewer scopes, and of the services those that a scope names. */
export function within(policyOfTier: Policy, scopes: readonly string[]): Policy {
  const granted = intersect(policyOfTier.scopes, scopes);
  return {
    ...policyOfTier,
    scopes: granted,
    services: policyOfTier.services.filter((service) => mentions(granted, service)),
    mayExecute: policyOfTier.mayExecute && allows(granted, "executions", "write", "*"),
  };
}

/** What a caller may know of itself. */
export function whoAmI(
  principal: Principal,
  { scopes, services, limits, wallMsMost, concurrent, perMinute, tenantConcurrent, tenantPerMinute }: Policy,
  credential?: { readonly id: string; readonly expiresMs: number | undefined },
  rates: readonly RateState[] = [],
): WhoAmI {
  return {
    principal: { ...principal },
    scopes: [...scopes],
    services: [...services],
    limits: { ...limits, wallMsMost, concurrent, perMinute, tenantConcurrent, tenantPerMinute },
    ...(credential
      ? {
          credential: {
            id: credential.id,
            ...(credential.expiresMs === undefined ? {} : { expiresAt: new Date(credential.expiresMs).toISOString() }),
          },
        }
      : {}),
    ...(rates.length > 0 ? { rates: rates.map((rate) => ({ ...rate })) } : {}),
  };
}
