import { WorkerEntrypoint } from "cloudflare:workers";
import { encodeSettled } from "../../../../../sdk/src/values/encode.ts";
import { describeError } from "./describe.ts";
import { silenceConsole } from "./silence.ts";
import { CPU_MARK, GRACE_MS, type GuestHost, type GuestJob, type GuestStop } from "./protocol.ts";

const { setTimeout, JSON, Error, TypeError, Response } = globalThis;
const { parse, stringify } = JSON;
const NO_LOGS = { from: 0, entries: [] };
let started = false;

/** Imports the code, calls it, and answers what it answered. All that it says is the guest's word. */
export default class Harness extends WorkerEntrypoint {
  async run(job: GuestJob, host: GuestHost, runner: GuestStop): Promise<string> {
    if (started) throw new Error("An isolate runs one execution");
    started = true;
    const abort = this.ctx.abort.bind(this.ctx);
    const waitUntil = this.ctx.waitUntil.bind(this.ctx);
    const guard = job.support.guard ? await import("./guard.ts") : undefined;
    const spent = () => guard?.spent() ?? 0;
    const logs = job.support.console ? (await import("./console.ts")).captureLogs(host, job) : undefined;
    if (!logs) silenceConsole();
    const stop = new AbortController();
    // A timer, because a context that has ended has none: only what the code left running is still there to be ended.
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
    const exceeded = () =>
      abort(new Error(CPU_MARK + stringify({ spentMs: spent(), logs: logs?.unacknowledged() ?? NO_LOGS, stack: guard?.overAt() })));
    guard?.arm(job.limits.cpuMs, exceeded);
    if (job.support.network) (await import("./network.ts")).installFetch((request) => host.request(request));
    try {
      const json: unknown = job.input === "" ? undefined : parse(job.input);
      const input = job.support.types ? (await import("./typed-input.ts")).decodeValue({ value: json, types: job.inputTypes }) : json;
      const env = { DO: host.DO };
      const services = Object.fromEntries(job.services.map((name) => [name, host.DO[name]]));
      const { default: main } = await import("user.js");
      let value: unknown;
      if (typeof main === "function") value = await main({ input, env, signal: stop.signal, ...services });
      else if (job.support.respond) value = await (await import("./respond.ts")).callFetch(main, input, env, { waitUntil, props: {} });
      else throw new TypeError("The default export must be a function or an object with fetch()");
      if (job.support.respond && value instanceof Response) value = await (await import("./respond.ts")).fromResponse(value);
      const encoded = await encodeSettled(value, "result");
      const text = encoded.value === undefined ? "" : stringify(encoded.value);
      await logs?.flush();
      if (text.length > job.limits.resultBytes) return stringify({ ok: false, resultBytes: text.length, cpuMs: spent() });
      return `${stringify({ ok: true, types: encoded.types, hasValue: text !== "", cpuMs: spent() })}\n${text}`;
    } catch (error) {
      if (guard?.overAt() !== undefined) exceeded();
      await logs?.flush();
      return stringify({ ok: false, error: describeError(error), cpuMs: spent() });
    }
  }
}
