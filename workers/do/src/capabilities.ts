import { databaseOf } from "#seam";
import { RpcTarget } from "cloudflare:workers";
import { accountsOf } from "../../core-services/auth/accounts.ts";
import { authorizationServerOf } from "../../core-services/auth/oauth/authorization-server.ts";
import { configOf, type Config } from "../../core-services/auth/config.ts";
import { realmOf } from "../../core-services/auth/realm.ts";
import type { Inspected } from "../../core-services/auth/service/deps.ts";
import { authService } from "../../core-services/auth/service.ts";
import type { authDefinition } from "../../core-services/auth/schema.ts";
import * as z from "zod";
import { dbDefinition } from "../../core-services/db/schema.ts";
import { dbService } from "../../core-services/db/service.ts";
import type { FunctionEngine } from "../../core-services/gateway/functions/engine.ts";
import { functionsOf } from "../../core-services/gateway/functions/functions.ts";
import { isPlatform } from "../../core-services/auth/actor.ts";
import { packagesOf } from "../../core-services/gateway/packages/packages.ts";
import type { PackagesDeps } from "../../core-services/gateway/packages/service.ts";
import type { FunctionsDeps } from "../../core-services/gateway/functions/service.ts";
import { gatewayService } from "../../core-services/gateway/service.ts";
import type { gatewayDefinition } from "../../core-services/gateway/schema.ts";
import type { GatewayDeps } from "../../core-services/gateway/service/deps.ts";
import { responseCacheOf } from "../../core-services/gateway/cache/response-cache.ts";
import { routedTenantsOf } from "../../core-services/gateway/routes/routed-tenants.ts";
import { trafficOf } from "../../core-services/gateway/traffic.ts";
import type { scheduleDefinition } from "../../core-services/schedule/schema.ts";
import { scheduleService } from "../../core-services/schedule/service.ts";
import { timetableOf } from "../../core-services/schedule/timetable.ts";
import type { queueDefinition } from "../../core-services/queue/schema.ts";
import { queueService } from "../../core-services/queue/service.ts";
import { queuesOf } from "../../core-services/queue/tenant.ts";
import { SERVICE_DEFINITIONS } from "../../core-services/services.ts";
import { newId } from "../../core-services/shared/ids.ts";
import {
  parseArguments,
  type Access,
  type Implementation,
  type MethodDefinition,
  type Sendable,
  type ServiceDefinition,
} from "../../core-services/shared/method.ts";
import { SERVICES, type ServiceName } from "../../../sdk/src/types.ts";
import type { RateState } from "../../core-services/auth/gcra.ts";
import { actorOf } from "./actor.ts";
import { RealmAuthenticator, type Authenticated } from "./authenticate.ts";
import { issuerOf } from "./authenticate-jwt.ts";
import { signingCredentialsOf } from "./authenticate-signature.ts";
import { DoError, nearest, publicError } from "./errors.ts";
import { allows, policy as policyOf, whoAmI, within, type Policy } from "./policy.ts";
import type { Principal } from "./principal.ts";
import { sponsorOf } from "./sponsor.ts";

/** What is known of a call before it runs. */
export interface MeteredCall {
  readonly service: ServiceName | "executions" | "egress";
  readonly method: string;
  readonly access: Access;
}

/** Counts, times and records each call, and refuses it when its time is over. */
export interface Meter {
  call<T>(call: MeteredCall, run: () => Promise<T>): Promise<T>;
}

/** For callers whose calls are requests of their own, which nothing bounds but the request. */
export const UNMETERED: Meter = { call: (_call, run) => run() };

/** On whose behalf a call is made, and what bounds it. Held by capabilities, never passed by a caller. */
export interface Authority {
  readonly principal: Principal;
  readonly policy: Policy;
  /** At most the services of the policy. */
  readonly services: readonly ServiceName[];
  readonly meter: Meter;
  readonly via: Via;
  /** What runs saved functions: as calls of their own, or within the execution that holds this. */
  readonly functions: FunctionEngine;
}

/** How a call came. */
export interface Via {
  /** From code that do runs. */
  readonly isGuest: boolean;
  readonly requestId: string;
  /** Why it is done, if nobody asks for it now: `queue:orders`. */
  readonly cause: string | undefined;
  /** Where from, if somebody trusted has said so. */
  readonly address: string | undefined;
  /** Where to, if it came by HTTP: the origin, and the part of it that is a resource of its own. */
  readonly origin: string | undefined;
  readonly resourcePath: string;
  readonly credential: Authenticated["credential"];
  readonly rates: () => readonly RateState[];
}

type Handler = (...args: unknown[]) => Promise<unknown>;

/**
 * The one place that every call of a service crosses, from callers and from code: the method must exist, the policy
 * must grant it, the arguments must have its shape; then it runs, metered. What is denied, by whatever of it, is noted.
 */
export async function invoke(
  env: Cloudflare.Env,
  authority: Authority,
  service: ServiceName,
  method: string,
  sent: unknown,
): Promise<unknown> {
  try {
    return await invokeGranted(env, authority, service, method, sent);
  } catch (error) {
    await noteIfDenied(env, authority, error, `${service}.${method}`);
    throw error;
  }
}

async function invokeGranted(
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
  // What the arguments decide is decided when they are checked; what only may write counts as writing.
  return authority.meter.call({ service, method, access: found.access }, async () => {
    const args = parseArguments(service, method, found, sent);
    const access = found.accessOf?.(args) ?? found.access;
    const { scopes } = authority.policy;
    // Read here: counting the call may have found out that the credential grants less than before.
    const wanted = found.open ? [] : [found.resource?.(args) ?? "*"].flat();
    const missing = wanted.find((resource) => !allows(scopes, service, access, resource));
    if (missing !== undefined) throw missingScope(`Cannot call ${service}.${method}`, `${service}:${access}:${missing}`);
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

/** The definition of a service that the authority holds and that is built. @throws DoError */
function openService(authority: Authority, service: ServiceName): ServiceDefinition {
  const definition = SERVICE_DEFINITIONS.get(service);
  if (!definition || !isBuilt(service) || !authority.services.includes(service)) throw notOpen(authority, service);
  return definition;
}

function isBuilt(service: ServiceName): boolean {
  return Object.keys(SERVICE_DEFINITIONS.get(service)?.methods ?? {}).length > 0;
}

function notOpen({ services, policy: { tier } }: Authority, service: ServiceName): DoError {
  if (services.includes(service)) return new DoError("UNSUPPORTED", `${service} is not built yet`, { reason: "SERVICE_NOT_BUILT" });
  return new DoError("PERMISSION_DENIED", `Cannot use ${service}: tier "${tier}" here grants ${listOf(services)}`, {
    reason: "SERVICE_NOT_GRANTED",
    details: { service },
  });
}

/** A Map: a method's name comes from outside, and an object has more names than its own. */
function implementation(env: Cloudflare.Env, authority: Authority, service: ServiceName): Map<string, Handler> {
  const { principal, policy: granted } = authority;
  switch (service) {
    case "db": {
      const { id, kind, tenant, tier } = principal;
      return handlers(dbService(databaseOf(env, tenant), { id, kind, tier, scopes: granted.scopes }, Date.now));
    }
    case "queue":
      return handlers(queueServiceOf(env, authority));
    case "auth":
      return handlers(authServiceOf(env, authority));
    case "gateway":
      return handlers(gatewayServiceOf(env, authority));
    case "schedule": {
      const timetable = timetableOf(env, principal.tenant);
      return handlers(scheduleService({ timetable, sponsor: () => sponsorOf(authority), callerId: principal.id, now: Date.now }));
    }
    default:
      return new Map();
  }
}

function queueServiceOf(env: Cloudflare.Env, authority: Authority): Implementation<typeof queueDefinition> {
  const { tenant, id } = authority.principal;
  return queueService({
    queues: queuesOf(env, tenant),
    callerId: id,
    sponsor: () => sponsorOf(authority),
    sqsCredentials: () => signingCredentialsOf(env, authority),
    now: Date.now,
  });
}

function authServiceOf(env: Cloudflare.Env, authority: Authority): Implementation<typeof authDefinition> {
  const { principal, policy, via } = authority;
  const config = configOf(env.DO_CONFIG);
  return authService({
    realm: realmOf(env, principal.tenant),
    realmOf: (tenant) => realmOf(env, tenant),
    oauth: authorizationServerOf(env),
    tiers: config.tiers,
    accounts: accountsOf(env),
    actor: actorOf(authority),
    now: Date.now,
    whoAmI: async () => whoAmI(principal, policy, via.credential, via.rates()),
    issuer: issuerOf(config, via.origin),
    inspect: async (credential) => inspected(await new RealmAuthenticator(env, Date.now).authenticate(credential, via, 0), config),
  });
}

function gatewayServiceOf(env: Cloudflare.Env, authority: Authority): Implementation<typeof gatewayDefinition> {
  return gatewayService({
    functions: functionsDeps(env, authority),
    packages: packagesDeps(env, authority),
    traffic: trafficDeps(env, authority),
  });
}

function trafficDeps(env: Cloudflare.Env, authority: Authority): GatewayDeps {
  const { principal, via } = authority;
  return {
    traffic: trafficOf(env, principal.tenant),
    cache: responseCacheOf(env, principal.tenant),
    routedTenants: routedTenantsOf(env),
    caller: { id: principal.id, isGuest: via.isGuest, tenant: principal.tenant },
    sponsor: () => sponsorOf(authority),
    loopbackOrigins: configOf(env.DO_CONFIG).loopbackOrigins,
    nowMs: Date.now,
  };
}

function functionsDeps(env: Cloudflare.Env, authority: Authority): FunctionsDeps {
  const { principal, policy } = authority;
  const actor = actorOf(authority);
  const codeScopes = within(policy, [...policy.services.map((service) => `${service}:*`), "executions:write"]).scopes;
  return {
    store: functionsOf(env, principal.tenant),
    packages: packagesOf(env),
    engine: authority.functions,
    caller: {
      id: principal.id,
      tier: policy.tier,
      limits: policy,
      scopes: actor.scopes,
      codeScopes: authority.via.isGuest ? actor.scopes : codeScopes,
    },
    now: Date.now,
  };
}

function packagesDeps(env: Cloudflare.Env, authority: Authority): PackagesDeps {
  const caller = { id: authority.principal.id, isOperator: isPlatform(actorOf(authority)) };
  return { packages: packagesOf(env), caller, now: Date.now };
}

/** What a credential stands for, with all of its scopes said. */
function inspected({ principal, scopes, credential }: Authenticated, { tiers }: Config): Inspected {
  const { id, source = "", expiresMs } = credential ?? { id: "", expiresMs: undefined };
  return { principal, scopes: scopes ?? policyOf(principal, tiers).scopes, credential: { id, source, expiresMs } };
}

/** The error of who lacks a scope, which says what to ask for. */
export async function denied(env: Cloudflare.Env, authority: Authority, what: string, scope: string): Promise<DoError> {
  const error = missingScope(what, scope);
  await noteIfDenied(env, authority, error, scope);
  return error;
}

function missingScope(what: string, scope: string): DoError {
  return new DoError("PERMISSION_DENIED", `${what}: it needs the scope ${scope}`, { reason: "MISSING_SCOPE", details: { scope } });
}

/**
 * A denial is worth a line in the tenant's trail. That it cannot be written does not make it less of one.
 * @param asked what was asked for, where the error does not name a scope or service
 */
export async function noteIfDenied(
  env: Cloudflare.Env,
  { principal, via }: Pick<Authority, "principal" | "via">,
  error: unknown,
  asked: string,
): Promise<void> {
  if (!(error instanceof DoError) || error.code !== "PERMISSION_DENIED" || principal.kind === "anonymous") return;
  const { scope, service } = error.details ?? {};
  const object = [scope, service].find((named) => typeof named === "string") ?? asked;
  const by = { kind: via.isGuest ? "code" : principal.kind, id: principal.id, requestId: via.requestId };
  await realmOf(env, principal.tenant)
    .noteOften(by, "permission.denied", object, Date.now())
    .catch((failure: unknown) => console.error(JSON.stringify({ level: "error", event: "audit", error: String(failure) })));
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

export function isServiceName(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}
