import * as z from "zod";
import type { Limits } from "../../../../sdk/src/types.ts";
import type { DispatchBinding, OutboundBinding } from "../../../core-services/gateway/functions/engine.ts";
import { FUNCTION_LIMITS } from "../../../core-services/gateway/limits.ts";
import { isPlainName } from "../../../core-services/gateway/functions/names.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { denied, type Authority } from "../capabilities.ts";
import { DoError, publicError } from "../errors.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import type { Dispatched } from "../executor/guest/function-protocol.ts";
import { fetchFunction } from "./fetch.ts";
import type { Outbound } from "./outbound.ts";
import { allows } from "../policy.ts";
import type { DispatchCall, FunctionResponse } from "./host.ts";

/** Of Workers for Platforms. What `outbound` may hold, the binding says. */
const Options = z.object({
  args: z.unknown().optional(),
  limits: z.object({ cpuMs: z.number().positive().optional(), subRequests: z.number().int().min(0).optional() }).nullish(),
  outbound: z.record(z.string(), z.json()).nullish(),
});

export interface NestedDispatch extends DispatchCall {
  readonly namespaces: readonly DispatchBinding[];
  readonly authority: Authority;
  readonly tenant: string;
  readonly self: Parent;
}

export interface OuterDispatch extends Omit<DispatchCall, "binding"> {
  readonly namespace: string;
  readonly outbound: OutboundBinding | undefined;
  readonly authority: Authority;
}

/** The same for a Worker that has a dispatcher as its binding: a call of its own. @throws DoError in the dispatcher's words */
export async function dispatchFor(deps: ExecuteDeps, call: OuterDispatch): Promise<FunctionResponse> {
  const { namespace, name, authority } = call;
  const { args, limits, outbound: given } = optionsOf(call.options);
  const outbound = outboundOf(call.outbound, given, undefined);
  const { tenant } = authority.principal;
  return authority.meter.call({ service: "gateway", method: "dispatch", access: "write" }, async () => {
    const resource = `invoke/${namespace}/${name}`;
    if (!allows(authority.policy.scopes, "gateway", "write", resource)) {
      throw await denied(deps.env, authority, `Cannot call ${name}`, `gateway:write:${resource}`);
    }
    try {
      if (!isPlainName(name)) throw notFound();
      const live = await functionsOf(deps.env, tenant).resolve(`${namespace}/${name}`, {}, Math.random());
      const { request, body } = call;
      const { via } = authority;
      const asked = { tenant, live, request, body, props: args, outbound, limits: limitsOf(limits ?? {}), via, parent: undefined };
      return (await fetchFunction(deps, asked)).response;
    } catch (error) {
      throw inItsWords(publicError(error, authority.via.requestId));
    }
  });
}

/** A dispatcher's call of a function of its namespace: within the dispatcher's own execution. */
export async function dispatchTo(deps: ExecuteDeps, call: NestedDispatch): Promise<Dispatched> {
  const binding = call.namespaces.find(({ name }) => name === call.binding);
  if (!binding || !isPlainName(call.name)) return refused(notFound());
  try {
    const { args, limits, outbound: given } = optionsOf(call.options);
    const outbound = outboundOf(binding.outbound, given, call.self.outbound);
    return await call.authority.meter.call({ service: "gateway", method: "dispatch", access: "write" }, async () => {
      const live = await functionsOf(deps.env, call.tenant).resolve(`${binding.namespace}/${call.name}`, {}, Math.random());
      const { response } = await fetchFunction(deps, {
        tenant: call.tenant,
        live,
        request: call.request,
        body: call.body,
        props: args,
        outbound,
        limits: limitsOf(limits ?? {}),
        via: call.authority.via,
        parent: call.self,
      });
      return { ok: true, head: { status: response.status, headers: response.headers }, body: response.body };
    });
  } catch (error) {
    return refused(publicError(error, call.authority.via.requestId));
  }
}

/** @throws DoError INVALID_ARGUMENT */
function optionsOf(sent: unknown): z.infer<typeof Options> {
  const options = Options.safeParse(sent);
  if (options.success) return options.data;
  const isOutbound = options.error.issues.some(({ path }) => path[0] === "outbound");
  const wanted = isOutbound ? "outbound must be an object whose values are JSON" : "limits must be { cpuMs, subRequests }";
  throw new DoError("INVALID_ARGUMENT", `Cannot dispatch: ${wanted}`);
}

/**
 * To where the requests of what is called go: to the binding's outbound Worker; where the binding has none, to that which
 * the dispatcher itself is under, so that no code has more network by calling other code.
 * @throws DoError INVALID_ARGUMENT for parameters that the binding does not declare
 */
function outboundOf(
  bound: OutboundBinding | undefined,
  given: z.infer<typeof Options>["outbound"],
  outer: Outbound | undefined,
): Outbound | undefined {
  const params = given ?? {};
  const declared = bound?.params?.map(({ name }) => name) ?? [];
  const unknown = Object.keys(params).find((name) => !declared.includes(name));
  if (unknown !== undefined) {
    const there = bound ? `its params are ${declared.join(", ") || "none"}` : "it has no outbound Worker";
    throw new DoError("INVALID_ARGUMENT", `Cannot dispatch: outbound.${unknown.slice(0, 64)} is not declared by the binding: ${there}`, {
      reason: "OUTBOUND_PARAM",
    });
  }
  const { length } = JSON.stringify(params);
  if (length > FUNCTION_LIMITS.outboundBytes) {
    throw new DoError("TOO_LARGE", `Cannot dispatch: outbound must be at most ${FUNCTION_LIMITS.outboundBytes} characters, got ${length}`);
  }
  if (!bound) return outer;
  const { service, entrypoint = "default" } = bound.worker;
  return { service, entrypoint, params, outer };
}

function limitsOf({ cpuMs, subRequests }: { cpuMs?: number | undefined; subRequests?: number | undefined }): Partial<Limits> {
  return { ...(cpuMs === undefined ? {} : { cpuMs }), ...(subRequests === undefined ? {} : { calls: subRequests }) };
}

function notFound(): DoError {
  return new DoError("NOT_FOUND", "Worker not found.", { reason: "NO_SUCH_FUNCTION" });
}

function refused(error: DoError): Dispatched {
  const { code, reason = "", message } = inItsWords(error);
  return { ok: false, code, reason, message };
}

/** In the words that a dispatcher of Workers for Platforms looks for. */
function inItsWords(error: DoError): DoError {
  const { code, reason = "", message, details, retryable } = error;
  return new DoError(code, WORDS.get(reason) ?? thrownMessage(details) ?? message, { reason, retryable, details });
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["NO_SUCH_FUNCTION", "Worker not found."],
  ["FUNCTION_CPU_LIMIT", "Worker exceeded CPU time limit."],
  ["FUNCTION_MEMORY_LIMIT", "Worker exceeded memory limit."],
  ["FUNCTION_CALLS_LIMIT", "Too many subrequests."],
]);

/** What the code threw, as it threw it. */
function thrownMessage(details: Record<string, unknown> | undefined): string | undefined {
  const error = details?.["outcome"] === "threw" ? (details["error"] as { message?: unknown }) : undefined;
  return typeof error?.message === "string" ? error.message : undefined;
}
