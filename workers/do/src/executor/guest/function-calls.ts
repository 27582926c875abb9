import { decodeValue } from "../../../../../sdk/src/values/decode.ts";
import type { Entrypoint } from "./entrypoints.ts";
import type { FunctionHost, FunctionJob } from "./function-protocol.ts";
import { asResponse, dispatcher, inputOf, requestOf, respond } from "./function-requests.ts";
import { namespace } from "./object-namespace.ts";
import { callFetch, fromResponse } from "./respond.ts";

const { JSON, TypeError, Response, Object } = globalThis;
const { parse } = JSON;

/** What a call has while it is on. */
export interface Context {
  readonly job: FunctionJob;
  readonly host: FunctionHost;
  readonly body: ReadableStream | null;
  readonly signal: AbortSignal;
  readonly env: Record<string, unknown>;
  readonly ctx: object;
}

/** Variables, secrets and what the bindings give, as one call has them. */
export function environmentOf(job: FunctionJob, host: FunctionHost): Record<string, unknown> {
  const env: Record<string, unknown> = { ...job.env, DO: host.DO };
  for (const name of job.dispatchers) env[name] = dispatcher(host, name);
  for (const name of job.namespaces) env[name] = namespace(host, name);
  return env;
}

export async function runCall(entrypoint: Entrypoint, context: Context): Promise<unknown> {
  const { call } = context.job;
  switch (call.kind) {
    case "fetch":
      return fetchCall(entrypoint, context, requestOf(call.request, context.body, context.signal));
    case "method": {
      const method = call.method === "fetch" ? undefined : entrypoint.method(call.method);
      if (!method) throw new TypeError(`There is no method "${call.method}"`);
      return method(...(decodeValue({ value: parse(call.args) as unknown, types: call.argTypes }) as unknown[]));
    }
    case "invoke": {
      const input = decodeValue({ value: call.input === "" ? undefined : (parse(call.input) as unknown), types: call.inputTypes });
      const value = await (entrypoint.kind === "function"
        ? entrypoint.main({ input, ...surroundings(context) })
        : callFetch({ fetch: entrypoint.method("fetch") }, input, context.env, context.ctx));
      return value instanceof Response ? fromResponse(value) : value;
    }
    default:
      return undefined;
  }
}

async function fetchCall(entrypoint: Entrypoint, context: Context, request: Request): Promise<undefined> {
  if (entrypoint.kind === "function") {
    const input = await inputOf(request);
    await respond(context.host, await asResponse(await entrypoint.main({ input, request, ...surroundings(context) })));
    return undefined;
  }
  const fetch = entrypoint.method("fetch");
  if (!fetch) throw new TypeError("The function has no fetch()");
  await respond(context.host, await fetch(request, context.env, context.ctx));
  return undefined;
}

/** What a function of one context gets beside its input. */
function surroundings({ job, host, env, signal }: Context): Record<string, unknown> {
  return { env, signal, ...Object.fromEntries(job.services.map((name) => [name, host.DO[name]])) };
}
