import { RpcTarget } from "cloudflare:workers";
import * as z from "zod";
import type { authDefinition } from "../../core-services/auth/schema.ts";
import { dbDefinition } from "../../core-services/db/schema.ts";
import type { gatewayDefinition } from "../../core-services/gateway/schema.ts";
import type { queueDefinition } from "../../core-services/queue/schema.ts";
import type { scheduleDefinition } from "../../core-services/schedule/schema.ts";
import { SERVICE_DEFINITIONS } from "../../core-services/services.ts";
import type { Implementation, MethodDefinition, Sendable, ServiceDefinition } from "../../core-services/shared/method.ts";
import type { ServiceName } from "../../../sdk/src/types.ts";
import { invoke, isBuilt, notOpen, type Authority } from "./capabilities.ts";

/** Services as callers and code hold them: what RPC exposes, each call of which crosses `invoke()`. */

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
  if (definition.name === "gateway") {
    Object.defineProperty(Capability.prototype, "function", {
      value(this: RpcTarget, name: unknown, options?: unknown) {
        const call = (method: string, args: unknown[]) =>
          (this as unknown as { call(...args: unknown[]): Promise<unknown> }).call(name, method, args, options);
        return new FunctionHandle(call);
      },
    });
    Object.defineProperty(Capability.prototype, "object", {
      value(this: RpcTarget, name: unknown, object: unknown, options?: unknown) {
        const call = (method: string, args: unknown[]) =>
          (this as unknown as { callObject(...args: unknown[]): Promise<unknown> }).callObject(name, object, method, args, options);
        return new FunctionHandle(call);
      },
    });
  }
  return Capability;
}

/**
 * A function, or an object of one: every name is a method of it, until it says that it has none. Names come from the
 * prototype, where RPC looks for them; those of the language are not asked for.
 */
class FunctionHandle extends RpcTarget {
  readonly #call: Invoke;

  constructor(call: Invoke) {
    super();
    this.#call = call;
  }

  static {
    const methods = new Proxy(RpcTarget.prototype, {
      get: (target, name, handle) => {
        if (typeof name === "symbol" || name === "then" || name in Object.prototype) return Reflect.get(target, name, handle) as unknown;
        return (...args: unknown[]) => (handle as FunctionHandle).#call(name, args);
      },
    });
    Object.setPrototypeOf(this.prototype, methods);
  }
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
export type GatewayCapability = RpcTarget & ServiceStub<typeof gatewayDefinition>;
export type QueueCapability = RpcTarget & ServiceStub<typeof queueDefinition>;
export type AuthCapability = RpcTarget & ServiceStub<typeof authDefinition>;
export type ScheduleCapability = RpcTarget & ServiceStub<typeof scheduleDefinition>;

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
  get auth(): AuthCapability {
    return this.#open("auth") as AuthCapability;
  }
  get gateway(): GatewayCapability {
    return this.#open("gateway") as GatewayCapability;
  }
  get schedule(): ScheduleCapability {
    return this.#open("schedule") as ScheduleCapability;
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
  get queue(): QueueCapability {
    return this.#open("queue") as QueueCapability;
  }

  #open(name: ServiceName): RpcTarget {
    const Capability = CLASSES.get(name);
    // Of a service that is not granted each call is refused, and noted; of one that is not built there is nothing to call.
    if (!Capability || !isBuilt(name)) throw notOpen(this.#authority, name);
    return new Capability((method, args) => invoke(this.#env, this.#authority, name, method, args));
  }
}
