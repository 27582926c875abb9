import { realmOf } from "../../core-services/auth/realm.ts";
import type { FunctionEngine } from "../../core-services/gateway/functions/engine.ts";
import { SERVICE_DEFINITIONS } from "../../core-services/services.ts";
import { newId } from "../../core-services/shared/ids.ts";
import { parseArguments, type Access, type ServiceDefinition } from "../../core-services/shared/method.ts";
import { SERVICES, type ServiceName } from "../../../sdk/src/types.ts";
import type { RateState } from "../../core-services/auth/gcra.ts";
import type { Authenticated } from "./authenticate.ts";
import { DoError, nearest, publicError } from "./errors.ts";
import { implementation } from "./implementations.ts";
import { allows, type Policy } from "./policy.ts";
import type { Principal } from "./principal.ts";

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
  /** By whom it was passed on (RFC 8586); empty for what came by no HTTP. */
  readonly cdnLoop: string;
  readonly credential: Authenticated["credential"];
  readonly rates: () => readonly RateState[];
}

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

export function isBuilt(service: ServiceName): boolean {
  return Object.keys(SERVICE_DEFINITIONS.get(service)?.methods ?? {}).length > 0;
}

export function notOpen({ services, policy: { tier } }: Authority, service: ServiceName): DoError {
  if (services.includes(service)) return new DoError("UNSUPPORTED", `${service} is not built yet`, { reason: "SERVICE_NOT_BUILT" });
  return new DoError("PERMISSION_DENIED", `Cannot use ${service}: tier "${tier}" here grants ${listOf(services)}`, {
    reason: "SERVICE_NOT_GRANTED",
    details: { service },
  });
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

function listOf(services: readonly ServiceName[]): string {
  return services.length > 0 ? services.join(", ") : "no services";
}

export function isServiceName(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}
