import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import type { Remote } from "../auth/remote.ts";
import type { OnceKey } from "../shared/once.ts";
import { EgressStore, type StoredEgress } from "./egress/egress-store.ts";
import type { EgressRules } from "./egress/rules.ts";
import { Seal } from "./egress/seal.ts";

/**
 * The traffic of one tenant, out and in: what its requests may reach. One object for each tenant, called by the host
 * alone: what it answers holds what code must not see.
 */
export class Traffic extends DurableObject {
  readonly #egress: EgressStore;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const { name } = ctx.id;
    if (name === undefined) throw new DoError("INTERNAL", "Traffic is found by the name of its tenant");
    this.#egress = new EgressStore(ctx.storage.sql, new Seal(env.DO_ROOT_KEY ?? "", name));
  }

  /** With what the rules put into requests. */
  egress(): Promise<StoredEgress> {
    return this.#egress.get();
  }
  setEgress(rules: EgressRules, key: OnceKey | undefined, nowMs: number): Promise<{ updatedMs: number }> {
    return this.#egress.set(rules, key, nowMs);
  }
}

/** The traffic of a tenant, whose name comes from a credential or from the operator's configuration. */
export function trafficOf(env: Cloudflare.Env, tenant: string): Remote<Traffic> {
  return env.TRAFFIC.getByName(tenant);
}
