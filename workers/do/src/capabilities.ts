import { RpcTarget } from "cloudflare:workers";
import * as z from "zod";
import { dbDefinition } from "../../core-services/db/schema.ts";
import { dbService } from "../../core-services/db/service.ts";
import { databaseOf } from "../../core-services/db/tenant.ts";
import { SERVICE_DEFINITIONS } from "../../core-services/services.ts";
import { newId } from "../../core-services/shared/ids.ts";
import {
  parseArguments,
  type Implementation,
  type MethodDefinition,
  type Sendable,
  type ServiceDefinition,
} from "../../core-services/shared/method.ts";
import { SERVICES, type ServiceName } from "../../../sdk/src/types.ts";
import { DoError, nearest, publicError } from "./errors.ts";
import { allows, type Policy } from "./policy.ts";
import type { Principal } from "./principal.ts";

/** Counts, times and records each call, and refuses it when its time is over. */
export interface Meter {
  call<T>(service: ServiceName, method: string, run: () => Promise<T>): Promise<T>;
}

/** For callers whose calls are requests of their own, which nothing bounds but the request. */
export const UNMETERED: Meter = { call: (_service, _method, run) => run() };

/** On whose behalf a call is made, and what bounds it. Held by capabilities, never passed by a caller. */
export interface Authority {
  readonly principal: Principal;
  readonly policy: Policy;
  /** At most the services of the policy. */
  readonly services: readonly ServiceName[];
  readonly meter: Meter;
}

type Handler = (...args: unknown[]) => Promise<unknown>;

/**
 * The one place that every call of a service crosses, from callers and from code: the method must exist, the policy
 * must grant it, the arguments must have its shape; then it runs, metered.
 */
export async function invoke(
  env: Cloudflare.Env,
  authority: Authority,
  service: ServiceName,
  method: string,
  sent: unknown,
): Promise<unknown> {
  const definition = openService(authority, service);
  const known = Object.keys(definition.methods);
  const found = known.includes(method) ? definition.methods[method] : undefined;
  if (!found) {
    const meant = nearest(method, known);
    throw new DoError(
      "NOT_FOUND",
      `${service} has no such method${meant ? `; did you mean "${meant}"?` : `; it has ${known.join(", ")}`}`,
      {
        reason: "UNKNOWN_METHOD",
        details: { methods: known },
      },
    );
  }
  const { policy, meter } = authority;
  return meter.call(service, method, async () => {
    const args = parseArguments(service, method, found, sent);
    const access = found.accessOf?.(args) ?? found.access;
    const missing = [found.resource?.(args) ?? "*"].flat().find((resource) => !allows(policy.scopes, service, access, resource));
    if (missing !== undefined) {
      throw new DoError("PERMISSION_DENIED", `Cannot call ${service}.${method}: it needs the scope ${service}:${access}:${missing}`, {
        reason: "MISSING_SCOPE",
      });
    }
    const handler = implementation(env, authority, service).get(method);
    if (!handler) throw new DoError("INTERNAL", `${service}.${method} is defined but not implemented`);
    try {
      return await handler(...args);
    } catch (error) {
      // What is no DoError is a defect of ours, and its words are for the log.
      throw publicError(error, newId("req", Date.now()));
    }
  });
}

/** The definition of a service that the authority holds and that is built; else the reason why not. */
function openService(authority: Authority, service: ServiceName): ServiceDefinition {
  if (!authority.services.includes(service)) {
    throw new DoError(
      "PERMISSION_DENIED",
      `Cannot use ${service}: tier "${authority.policy.tier}" here grants ${listOf(authority.services)}`,
      {
        reason: "SERVICE_NOT_GRANTED",
      },
    );
  }
  const definition = SERVICE_DEFINITIONS.get(service);
  if (!definition || Object.keys(definition.methods).length === 0) {
    throw new DoError("UNSUPPORTED", `${service} is not built yet`, { reason: "SERVICE_NOT_BUILT" });
  }
  return definition;
}

/** A Map: a method's name comes from outside, and an object has more names than its own. */
function implementation(env: Cloudflare.Env, { principal, policy }: Authority, service: ServiceName): Map<string, Handler> {
  switch (service) {
    case "db": {
      const { id, kind, tenant, tier } = principal;
      return handlers(dbService(databaseOf(env, tenant), { id, kind, tier, scopes: policy.scopes }, Date.now));
    }
    default:
      return new Map();
  }
}

function handlers<S extends ServiceDefinition>(implemented: Implementation<S>): Map<string, Handler> {
  // The arguments were parsed by the same definition that types them.
  return new Map(Object.entries<Handler>(implemented as unknown as Record<string, Handler>));
}

function listOf(services: readonly ServiceName[]): string {
  return services.length > 0 ? services.join(", ") : "no services";
}

/** The methods of a service as a caller's stub has them. */
export type ServiceStub<S extends ServiceDefinition> = {
  [K in keyof S["methods"]]: (...args: Sendable<Parameters<Implementation<S>[K]>>) => ReturnType<Implementation<S>[K]>;
};

type Invoke = (method: string, args: unknown[]) => Promise<unknown>;

/**
 * A thin RPC class of one service: on its prototype the methods of the definition and nothing else, because RPC
 * exposes every one there is and does not respect TypeScript's `private`.
 */
function capabilityClass(definition: ServiceDefinition): new (call: Invoke) => RpcTarget {
  class Capability extends RpcTarget {
    readonly #call: Invoke;
    constructor(call: Invoke) {
      super();
      this.#call = call;
    }
    static {
      for (const method of Object.keys(definition.methods)) {
        Object.defineProperty(this.prototype, method, {
          value(this: Capability, ...args: unknown[]) {
            return this.#call(method, args);
          },
        });
      }
      const ofCollection = Object.entries(definition.methods).filter(([, { params }]) => params[0]?.[0] === "collection");
      if (ofCollection.length > 0) {
        const Handle = handleClass(ofCollection.map(([method]) => method));
        Object.defineProperty(this.prototype, "collection", {
          value(this: Capability, name: unknown) {
            return new Handle((method, args) => this.#call(method, [name, ...args]));
          },
        });
      }
    }
  }
  return Capability;
}

/** The methods of one collection, without its name. Each call is a call of the service, with all that this means. */
function handleClass(methods: readonly string[]): new (call: Invoke) => RpcTarget {
  return capabilityClass({ name: "db", summary: "", methods: Object.fromEntries(methods.map((method) => [method, ANY_METHOD])) });
}

/** What a class needs to know of a method whose arguments are checked elsewhere. */
const ANY_METHOD: MethodDefinition = { summary: "", access: "read", params: [], result: z.unknown() };

const CLASSES: ReadonlyMap<ServiceName, new (call: Invoke) => RpcTarget> = new Map(
  [...SERVICE_DEFINITIONS].map(([name, definition]) => [name, capabilityClass(definition)]),
);

export type DbCapability = RpcTarget & ServiceStub<typeof dbDefinition> & { collection(name: string): RpcTarget };

/** The eight services as properties: what a Session, a guest's `env.DO` and a binding have in common. */
export abstract class Services extends RpcTarget {
  readonly #env: Cloudflare.Env;
  readonly #authority: Authority;

  constructor(env: Cloudflare.Env, authority: Authority) {
    super();
    this.#env = env;
    this.#authority = authority;
  }

  get db(): DbCapability {
    return this.#open("db") as DbCapability;
  }
  get auth(): RpcTarget {
    return this.#open("auth");
  }
  get gateway(): RpcTarget {
    return this.#open("gateway");
  }
  get schedule(): RpcTarget {
    return this.#open("schedule");
  }
  get webhooks(): RpcTarget {
    return this.#open("webhooks");
  }
  get email(): RpcTarget {
    return this.#open("email");
  }
  get mcp(): RpcTarget {
    return this.#open("mcp");
  }
  get queue(): RpcTarget {
    return this.#open("queue");
  }

  #open(name: ServiceName): RpcTarget {
    openService(this.#authority, name);
    const Capability = CLASSES.get(name);
    if (!Capability) throw new DoError("INTERNAL", `${name} has no capability class`);
    return new Capability((method, args) => invoke(this.#env, this.#authority, name, method, args));
  }
}

export function isServiceName(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}
