import type { Limits } from "../../../../sdk/src/types.ts";
import { configOf } from "../../../core-services/auth/config.ts";
import type { Live } from "../../../core-services/gateway/functions/engine.ts";
import { principalIdOf } from "../../../core-services/gateway/functions/names.ts";
import { policy as policyOf, within, type Policy } from "../policy.ts";
import type { Principal } from "../principal.ts";
import type { FunctionRun } from "./run.ts";

/** The limits of one call. */
export function limitsOf(env: Cloudflare.Env, tenant: string, live: Live): Limits {
  return policyOfFunction(env, { tenant, live, limits: {} }).limits;
}

/** What the function's code may, and within which limits. */
export function policyOfFunction(env: Cloudflare.Env, { tenant, live, limits }: Pick<FunctionRun, "tenant" | "live" | "limits">): Policy {
  const granted = within(policyOf(principalOf(tenant, live), configOf(env.DO_CONFIG).tiers), live.permissions);
  return { ...granted, limits: smaller(smaller({ ...granted.limits, wallMs: wallMsOf(granted, live) }, live.limits), limits) };
}

function wallMsOf(granted: Policy, live: Live): number {
  return live.limits.wallMs === undefined ? granted.limits.wallMs : granted.wallMsMost;
}

function smaller(limits: Limits, others: Partial<Limits>): Limits {
  const entries = Object.entries(others) as [keyof Limits, number | undefined][];
  return {
    ...limits,
    ...Object.fromEntries(entries.filter(([, n]) => n !== undefined).map(([name, n = 0]) => [name, Math.min(limits[name], n)])),
  };
}

/** A function is a principal of its own, in the tier of who deployed it. */
export function principalOf(tenant: string, { name, tier }: Live): Principal {
  return Object.freeze({ kind: "service", id: principalIdOf(name), tenant, tier });
}
