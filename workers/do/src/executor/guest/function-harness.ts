import { abortIsolate, WorkerEntrypoint } from "cloudflare:workers";
import { decodeValue } from "../../../../../sdk/src/values/decode.ts";
import { encodeSettled } from "../../../../../sdk/src/values/encode.ts";
import { describeError } from "./describe.ts";
import { describeExports, entrypointOf, type Entrypoint } from "./entrypoints.ts";
import { currentCall, inCall } from "./function-logs.ts";
import type { FunctionHost, FunctionJob } from "./function-protocol.ts";
import { asResponse, dispatcher, inputOf, requestOf, respond } from "./function-requests.ts";
import type { Account } from "./guard.ts";
import { Logs } from "./logs.ts";
import { installFetch } from "./network.ts";
import { CPU_MARK, GRACE_MS, type GuestStop } from "./protocol.ts";
import { callFetch, fromResponse } from "./respond.ts";

const { setTimeout, JSON, Error, TypeError, Response, Promise, Object } = globalThis;
const { parse, stringify } = JSON;
const write = console.log.bind(console);
type Exports = Readonly<Record<string, unknown>>;

// Each request is one of the call that makes it.
installFetch((request) => {
  const call = currentCall();
  if (!call) throw new TypeError("fetch() is for calls: there is no network while a function is loaded");
  return call.host.request(request);
});

/** What a call has while it is on. */
interface Context {
  readonly job: FunctionJob;
  readonly host: FunctionHost;
  readonly body: ReadableStream | null;
  readonly signal: AbortSignal;
  readonly env: Record<string, unknown>;
  readonly ctx: object;
}

/**
 * Calls a saved function, one call after the other and several at a time. The isolate keeps what the code keeps in its
 * own variables, as a Worker does, and nothing of the host's: what a call may use comes with it and ends with it.
 */
export default class FunctionHarness extends WorkerEntrypoint {
  async run(job: FunctionJob, host: FunctionHost, runner: GuestStop, body: ReadableStream | null): Promise<string> {
    const abort = this.ctx.abort.bind(this.ctx);
    const guard = job.guard ? await import("./guard.ts") : undefined;
    const logs = new Logs(host, job.limits.logBytes, job.mirrorLogs ? write : undefined);
    const exceeded = () => abort(new Error(CPU_MARK + stringify({ spentMs: spentMs(), logs: logs.unacknowledged(), stack: overAt() })));
    const account: Account | undefined = guard?.account(job.limits.cpuMs, exceeded);
    // While modules are evaluated nobody's turn is on: they have a budget of their own, once.
    guard?.arm(job.limits.cpuMs, exceeded);
    guard?.attribute(() => currentCall()?.account);
    const stop = new AbortController();
    const end = (reason: string) => {
      try {
        setTimeout(() => abort(new Error(reason)), reason === "ended" ? 0 : GRACE_MS);
      } catch {
        // The code has taken every timer that there is.
        abort(new Error(reason));
      }
    };
    runner.stopped().then(
      (reason) => {
        stop.abort(new Error(reason));
        end(reason);
      },
      () => end("ended"),
    );
    const spentMs = () => (guard?.overAt() === undefined ? (account?.spentMs ?? 0) : guard.spent());
    const overAt = () => account?.stackAtLimit ?? guard?.overAt();
    return inCall({ host, logs, account }, async () => {
      let isLoaded = false;
      try {
        const exported = (await import("user.js")) as unknown as Exports;
        isLoaded = true;
        const value = await this.#call(exported, job, host, body, stop.signal);
        const encoded = await encodeSettled(value, "result");
        const text = encoded.value === undefined ? "" : stringify(encoded.value);
        await logs.flush();
        if (text.length > job.limits.resultBytes) return stringify({ ok: false, resultBytes: text.length, cpuMs: spentMs() });
        return `${stringify({ ok: true, types: encoded.types, hasValue: text !== "", cpuMs: spentMs() })}\n${text}`;
      } catch (error) {
        if (overAt() !== undefined) exceeded();
        await logs.flush();
        return stringify({ ok: false, error: describeError(error), cpuMs: spentMs(), ...(isLoaded ? {} : { isNotLoaded: true }) });
      }
    });
  }

  /** Makes room for another isolate. */
  retire(): void {
    abortIsolate("retired");
  }

  async #call(exported: Exports, job: FunctionJob, host: FunctionHost, body: ReadableStream | null, signal: AbortSignal): Promise<unknown> {
    const { call } = job;
    if (call.kind === "describe") return describeExports(exported);
    const env: Record<string, unknown> = { ...job.env, DO: host.DO };
    for (const name of job.dispatchers) env[name] = dispatcher(host, name);
    const pending: Promise<unknown>[] = [];
    const waitUntil = (work: unknown) => void pending.push(Promise.resolve(work));
    const ctx = Object.defineProperties(this.ctx, {
      waitUntil: { value: waitUntil, configurable: true },
      props: { value: job.props, configurable: true },
    });
    const context: Context = { job, host, body, signal, env, ctx };
    const entrypoint = entrypointOf(exported, call.entrypoint, ctx, env);
    const value = await runCall(entrypoint, context);
    await Promise.allSettled(pending);
    return value;
  }
}

async function runCall(entrypoint: Entrypoint, context: Context): Promise<unknown> {
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
