import { abortIsolate, WorkerEntrypoint } from "cloudflare:workers";
import { describeExports, entrypointOf } from "./entrypoints.ts";
import { runCall } from "./function-calls.ts";
import { currentCall, type CallState } from "./function-logs.ts";
import type { FunctionHost, FunctionJob } from "./function-protocol.ts";
import { runCalled, type Exports } from "./function-run.ts";
import { installFetch } from "./network.ts";
import { GRACE_MS, type GuestStop } from "./protocol.ts";

export { ObjectHarness } from "./object-harness.ts";

const { setTimeout, Error, TypeError, Promise, Object } = globalThis;

// Each request is one of the call that makes it.
installFetch((request) => {
  const call = currentCall();
  if (!call) throw new TypeError("fetch() is for calls: there is no network while a function is loaded");
  return call.host.request(request);
});

/**
 * Calls a saved function, one call after the other and several at a time. The isolate keeps what the code keeps in its
 * own variables, as a Worker does, and nothing of the host's: what a call may use comes with it and ends with it.
 */
export default class FunctionHarness extends WorkerEntrypoint {
  run(job: FunctionJob, host: FunctionHost, runner: GuestStop, body: ReadableStream | null): Promise<string> {
    const abort = this.ctx.abort.bind(this.ctx);
    const onStop = (reason: string) => {
      try {
        setTimeout(() => abort(new Error(reason)), reason === "ended" ? 0 : GRACE_MS);
      } catch {
        // The code has taken every timer that there is.
        abort(new Error(reason));
      }
    };
    return runCalled({ job, host, runner }, { abort, onStop }, (exported, state, signal) => this.#call(exported, job, state, body, signal));
  }

  /** Makes room for another isolate. */
  retire(): void {
    abortIsolate("retired");
  }

  async #call(
    exported: Exports,
    job: FunctionJob,
    { host, env, pending }: CallState,
    body: ReadableStream | null,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { call } = job;
    if (call.kind === "describe") return describeExports(exported);
    const waitUntil = (work: unknown) => void pending.push(Promise.resolve(work));
    const ctx = Object.defineProperties(this.ctx, {
      waitUntil: { value: waitUntil, configurable: true },
      props: { value: job.props, configurable: true },
    });
    const entrypoint = entrypointOf(exported, call.entrypoint, ctx, env);
    const value = await runCall(entrypoint, { job, host, body, signal, env, ctx });
    await Promise.allSettled(pending);
    return value;
  }
}
