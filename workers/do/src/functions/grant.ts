import type { Limits } from "../../../../sdk/src/types.ts";
import { configOf } from "../../../core-services/auth/config.ts";
import type { Live } from "../../../core-services/gateway/functions/engine.ts";
import { principalIdOf } from "../../../core-services/gateway/functions/names.ts";
import { sha256 } from "../../../core-services/shared/hash.ts";
import { policy as policyOf, within, type Policy } from "../policy.ts";
import type { Principal } from "../principal.ts";
import { FUNCTION_HARNESS_MODULE } from "../executor/guest.generated.ts";
import type { FunctionRun } from "./run.ts";

/** What a function's code may, and what its isolate is kept under: nothing that another may not share. */
export interface Grant {
  readonly policy: Policy;
  readonly warmId: string;
}

type Called = Pick<FunctionRun, "tenant" | "live" | "limits">;

/** The limits of one call. */
export function limitsOf(env: Cloudflare.Env, tenant: string, live: Live): Limits {
  return grantOf(env, { tenant, live, limits: {} }).policy.limits;
}

/** Worked out once for all calls of a version with the same limits: it takes as long as a call's way to its isolate. */
export function grantOf(env: Cloudflare.Env, called: Called): Grant {
  const { tenant, live, limits } = called;
  // A version never changes, nor do the tiers while this process lives.
  const key = JSON.stringify([tenant, live.name, live.version, live.tier, limits]);
  const known = grants.get(key);
  if (known) return known;
  const policy = policyOfFunction(env, called);
  const made = { policy, warmId: warmIdOf(tenant, policy, live) };
  if (grants.size >= MAX_GRANTS) grants.clear();
  grants.set(key, made);
  return made;
}

const MAX_GRANTS = 2_000;
const grants = new Map<string, Grant>();

function policyOfFunction(env: Cloudflare.Env, { tenant, live, limits }: Called): Policy {
  const granted = within(policyOf(principalOf(tenant, live), configOf(env.DO_CONFIG).tiers), live.permissions);
  return { ...granted, limits: smaller(smaller({ ...granted.limits, wallMs: wallMsOf(granted, live) }, live.limits), limits) };
}

/** Secrets, variables and the time come with the call. */
function warmIdOf(tenant: string, policy: Policy, { codeHash }: Live): string {
  const kept = { ...policy, limits: { ...policy.limits, wallMs: 0 } };
  return sha256(tenant, JSON.stringify(kept), codeHash, harnessHash());
}

let harness: string | undefined;
function harnessHash(): string {
  return (harness ??= sha256(FUNCTION_HARNESS_MODULE));
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
