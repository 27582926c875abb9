import { realmOf } from "../../core-services/auth/realm.ts";
import type { ExecuteDeps } from "./executor/execute.ts";
import type { Policy } from "./policy.ts";

/** Who an execution counts for. */
interface Counted {
  readonly tenant: string;
  readonly id: string;
}

/** How long a place that was given back waits for a message to its Realm that can take it along. */
const GIVE_BACK_MS = 5;

/** Leases by tenant. The next that asks from here has them back first, so that nobody is refused for one of them. */
const givenBack = new Map<string, number[]>();

/**
 * Takes one of the executions that a principal and its tenant may have at a time. @returns what gives it back
 * @throws DoError LIMIT_EXCEEDED
 */
export async function takePlace(
  { env, now, waitUntil }: Pick<ExecuteDeps, "env" | "now" | "waitUntil">,
  { tenant, id }: Counted,
  { concurrent, tenantConcurrent, wallMsMost }: Policy,
): Promise<() => void> {
  const places = { principalId: id, concurrent, tenantConcurrent, untilMs: now() + wallMsMost };
  const lease = await realmOf(env, tenant).acquire(places, takeGivenBack(tenant), now());
  return () => waitUntil(giveBack(env, tenant, lease));
}

async function giveBack(env: Cloudflare.Env, tenant: string, lease: number): Promise<void> {
  const waiting = givenBack.get(tenant);
  // Who came first sends them all.
  if (waiting) return void waiting.push(lease);
  givenBack.set(tenant, [lease]);
  await new Promise((resolve) => void setTimeout(resolve, GIVE_BACK_MS));
  const leases = takeGivenBack(tenant);
  if (leases.length > 0) await realmOf(env, tenant).release(leases);
}

function takeGivenBack(tenant: string): number[] {
  const leases = givenBack.get(tenant) ?? [];
  givenBack.delete(tenant);
  return leases;
}
