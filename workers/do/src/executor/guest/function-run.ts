import { encodeSettled } from "../../../../../sdk/src/values/encode.ts";
import { describeError } from "./describe.ts";
import { environmentOf } from "./function-calls.ts";
import { currentCall, inCall, type CallState } from "./function-logs.ts";
import type { FunctionHost, FunctionJob } from "./function-protocol.ts";
import type { Account } from "./guard.ts";
import { Logs } from "./logs.ts";
import { CPU_MARK, type GuestStop } from "./protocol.ts";

const { JSON, Error } = globalThis;
const { stringify } = JSON;
const write = console.log.bind(console);
export type Exports = Readonly<Record<string, unknown>>;

/** One call as it comes. */
export interface Called {
  readonly job: FunctionJob;
  readonly host: FunctionHost;
  readonly runner: GuestStop;
}

/** What the code of a call runs in, and how that is ended. */
export interface Grounds {
  abort(reason: Error): void;
  /** The call must stop, or is over. */
  onStop(reason: string): void;
}

/** Calls code of the user's module within its limits. @returns the envelope (protocol.ts) */
export async function runCalled(
  { job, host, runner }: Called,
  grounds: Grounds,
  call: (exported: Exports, state: CallState, signal: AbortSignal) => Promise<unknown>,
): Promise<string> {
  const guard = job.guard ? await import("./guard.ts") : undefined;
  const logs = new Logs(host, job.limits.logBytes, job.mirrorLogs ? write : undefined);
  const exceeded = () =>
    grounds.abort(new Error(CPU_MARK + stringify({ spentMs: spentMs(), logs: logs.unacknowledged(), stack: overAt() })));
  const account: Account | undefined = guard?.account(job.limits.cpuMs, exceeded);
  // While modules are evaluated nobody's turn is on: they have a budget of their own, once.
  guard?.arm(job.limits.cpuMs, exceeded);
  guard?.attribute(() => currentCall()?.account);
  const stop = new AbortController();
  runner.stopped().then(
    (reason) => {
      stop.abort(new Error(reason));
      grounds.onStop(reason);
    },
    () => grounds.onStop("ended"),
  );
  const spentMs = () => (guard?.overAt() === undefined ? (account?.spentMs ?? 0) : guard.spent());
  const overAt = () => account?.stackAtLimit ?? guard?.overAt();
  const state: CallState = { host, logs, account, env: environmentOf(job, host), pending: [] };
  return inCall(state, async () => {
    let isLoaded = false;
    try {
      const exported = (await import("user.js")) as unknown as Exports;
      isLoaded = true;
      const value = await call(exported, state, stop.signal);
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
