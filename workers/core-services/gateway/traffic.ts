import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import type { Remote } from "../auth/remote.ts";
import type { Sponsor } from "../shared/background.ts";
import type { OnceKey } from "../shared/once.ts";
import { EgressStore, type StoredEgress } from "./egress/egress-store.ts";
import type { EgressRules } from "./egress/rules.ts";
import { Seal } from "./egress/seal.ts";
import { TargetHealth, type Admission, type CircuitState, type Verdict } from "./routes/health.ts";
import { RateLimiter, type RateAnswer, type RateAsked } from "./routes/limiter.ts";
import type { Route, RouteSpec } from "./routes/route.ts";
import { RouteStore, type StoredRoute } from "./routes/route-store.ts";

/** What of a request decides which route it takes, as it is sent to the object. */
export interface MatchAsked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface MatchFound {
  /** Undefined: none. */
  readonly found: { readonly stored: StoredRoute; readonly groups: Readonly<Record<string, string>> } | undefined;
  /** Whether any route of the tenant keeps answers. */
  readonly isCached: boolean;
  /** Of the routes that there would be for another method. */
  readonly allowed: readonly string[];
}

/**
 * The traffic of one tenant, out and in: what its requests may reach, its routes, and how their targets fare now. One object
 * for each tenant, called by the host alone: what it answers holds what code must not see.
 */
export class Traffic extends DurableObject {
  readonly #egress: EgressStore;
  readonly #routes: RouteStore;
  readonly #health = new TargetHealth();
  readonly #limiter = new RateLimiter();

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const { name } = ctx.id;
    if (name === undefined) throw new DoError("INTERNAL", "Traffic is found by the name of its tenant");
    this.#egress = new EgressStore(ctx.storage.sql, new Seal(env.DO_ROOT_KEY ?? "", name));
    this.#routes = new RouteStore(ctx.storage.sql);
  }

  /** With what the rules put into requests. */
  egress(): Promise<StoredEgress> {
    return this.#egress.get();
  }
  setEgress(rules: EgressRules, key: OnceKey | undefined, nowMs: number): Promise<{ updatedMs: number }> {
    return this.#egress.set(rules, key, nowMs);
  }

  setRoute(name: string, spec: RouteSpec, sponsor: Sponsor, key: OnceKey | undefined, nowMs: number): { created: boolean } {
    return this.#routes.set(name, spec, sponsor, key, nowMs);
  }
  getRoute(name: string): StoredRoute | undefined {
    return this.#routes.get(name);
  }
  listRoutes(): StoredRoute[] {
    return this.#routes.list();
  }
  deleteRoute(name: string, key: OnceKey | undefined, nowMs: number): { deleted: boolean } {
    return this.#routes.delete(name, key, nowMs);
  }

  match({ headers, ...asked }: MatchAsked): MatchFound {
    const request = { ...asked, headers: headersOf(headers) };
    const matched = this.#routes.table.match(request);
    const stored = matched && this.#routes.get(matched.route.name);
    const { isCached } = this.#routes.table;
    if (!matched || !stored) return { found: undefined, isCached, allowed: this.#routes.table.allowed(request) };
    return { found: { stored, groups: matched.groups }, isCached, allowed: [] };
  }
  /** The routes that a request may take when it comes, of which a browser asks before. */
  possible({ headers, ...asked }: MatchAsked, announced: readonly string[]): Route[] {
    return this.#routes.table.possible({ ...asked, headers: headersOf(headers) }, announced);
  }
  explain({ headers, ...asked }: MatchAsked): { route: string; because: string }[] {
    return this.#routes.table.explain({ ...asked, headers: headersOf(headers) });
  }

  admit(admission: Admission, nowMs: number): Verdict {
    return this.#health.admit(admission, nowMs);
  }
  settle(lease: number, ok: boolean, mostFailures: number | undefined, nowMs: number): void {
    this.#health.settle(lease, ok, mostFailures, nowMs);
  }
  circuits(nowMs: number): CircuitState[] {
    return this.#health.states(nowMs);
  }
  closeCircuit(target: string): boolean {
    return this.#health.close(target);
  }

  takeRate(asked: RateAsked, nowMs: number): RateAnswer {
    return this.#limiter.take(asked, nowMs);
  }
}

function headersOf(entries: MatchAsked["headers"]): Headers {
  const headers = new Headers();
  for (const [name, value] of entries) headers.append(name, value);
  return headers;
}

/** The traffic of a tenant, whose name comes from a credential, from the operator's configuration, or is one of `routedTenantsOf`. */
export function trafficOf(env: Cloudflare.Env, tenant: string): Remote<Traffic> {
  return env.TRAFFIC.getByName(tenant);
}
