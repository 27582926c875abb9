import { exports } from "cloudflare:workers";
import type Do from "../../workers/do/src/do.ts";
import type { DbCapability } from "../../workers/do/src/service-stubs.ts";
import type { ExecutionsCapability } from "../../workers/do/src/session.ts";

/** The surface that a binding has. */
export type Binding = Omit<Do, "executions"> & { db: DbCapability; executions: Promise<ExecutionsCapability> };

let tenants = 0;

/** A tenant that no other test has: what tests store is apart without being deleted. */
export function newTenant(): string {
  return `t${++tenants}-${crypto.randomUUID()}`;
}

/** A service binding whose props name a principal, as a deployment's configuration makes one. */
export function bindingFor(tier: "internal" | "tenant" | "public", tenant = newTenant()): Binding {
  const loopback = exports.default as unknown as (options: { props: unknown }) => Binding;
  return loopback({ props: { principal: { kind: "key", id: `key-of-${tenant}`, tenant, tier } } });
}

export function anonymousBinding(): Binding {
  return exports.default as unknown as Binding;
}
