import * as z from "zod";
import type { Limits } from "../../../../sdk/src/types.ts";
import { isPlainName } from "../../../core-services/gateway/functions/names.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { denied, type Authority } from "../capabilities.ts";
import { DoError, publicError } from "../errors.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import type { Dispatched } from "../executor/guest/function-protocol.ts";
import { fetchFunction } from "./fetch.ts";
import { allows } from "../policy.ts";
import type { DispatchCall, FunctionResponse } from "./host.ts";

/** Of Workers for Platforms; `outbound` is for who gives code a network. */
const Options = z.object({
  args: z.unknown().optional(),
  limits: z.object({ cpuMs: z.number().positive().optional(), subRequests: z.number().int().min(0).optional() }).nullish(),
  outbound: z.unknown().optional(),
});

export interface NestedDispatch extends DispatchCall {
  readonly namespaces: readonly { readonly name: string; readonly namespace: string }[];
  readonly authority: Authority;
  readonly tenant: string;
  readonly self: Parent;
}

export interface OuterDispatch extends Omit<DispatchCall, "binding"> {
  readonly namespace: string;
  readonly authority: Authority;
}

/** The same for a Worker that has a dispatcher as its binding: a call of its own. @throws DoError in the dispatcher's words */
export async function dispatchFor(deps: ExecuteDeps, call: OuterDispatch): Promise<FunctionResponse> {
  const { namespace, name, authority } = call;
  const options = Options.safeParse(call.options);
  if (!options.success) throw new DoError("INVALID_ARGUMENT", "Cannot dispatch: limits must be { cpuMs, subRequests }");
  const { tenant } = authority.principal;
  return authority.meter.call({ service: "gateway", method: "dispatch", access: "write" }, async () => {
    const resource = `invoke/${namespace}/${name}`;
    if (!allows(authority.policy.scopes, "gateway", "write", resource)) {
      throw await denied(deps.env, authority, `Cannot call ${name}`, `gateway:write:${resource}`);
    }
    try {
      if (!isPlainName(name)) throw notFound();
      const live = await functionsOf(deps.env, tenant).resolve(`${namespace}/${name}`, {}, Math.random());
      const limits = limitsOf(options.data.limits ?? {});
      const { request, body } = call;
      const { via } = authority;
      return (await fetchFunction(deps, { tenant, live, request, body, props: options.data.args, limits, via, parent: undefined }))
        .response;
    } catch (error) {
      throw inItsWords(publicError(error, authority.via.requestId));
    }
  });
}

/** A dispatcher's call of a function of its namespace: within the dispatcher's own execution. */
export async function dispatchTo(deps: ExecuteDeps, call: NestedDispatch): Promise<Dispatched> {
  const namespace = call.namespaces.find(({ name }) => name === call.binding)?.namespace;
  const options = Options.safeParse(call.options);
  if (namespace === undefined || !isPlainName(call.name)) return refused(notFound());
  if (!options.success) return refused(new DoError("INVALID_ARGUMENT", "Cannot dispatch: limits must be { cpuMs, subRequests }"));
  try {
    return await call.authority.meter.call({ service: "gateway", method: "dispatch", access: "write" }, async () => {
      const live = await functionsOf(deps.env, call.tenant).resolve(`${namespace}/${call.name}`, {}, Math.random());
      const { response } = await fetchFunction(deps, {
        tenant: call.tenant,
        live,
        request: call.request,
        body: call.body,
        props: options.data.args,
        limits: limitsOf(options.data.limits ?? {}),
        via: call.authority.via,
        parent: call.self,
      });
      return { ok: true, head: { status: response.status, headers: response.headers }, body: response.body };
    });
  } catch (error) {
    return refused(publicError(error, call.authority.via.requestId));
  }
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
