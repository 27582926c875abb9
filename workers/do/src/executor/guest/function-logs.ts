import { AsyncLocalStorage } from "node:async_hooks";
import { captureConsole } from "./console.ts";
import type { FunctionHost } from "./function-protocol.ts";
import type { Account } from "./guard.ts";
import type { Logs } from "./logs.ts";

/** What the isolate knows of the call that is on: several may be, one a turn. */
export interface CallState {
  readonly host: FunctionHost;
  readonly logs: Logs;
  readonly account: Account | undefined;
  /** What its code has as `env`. */
  readonly env: Readonly<Record<string, unknown>>;
  /** What it said that it waits for. */
  readonly pending: Promise<unknown>[];
}

const calls = new AsyncLocalStorage<CallState>();
const store = calls.getStore.bind(calls);
let isCaptured = false;

export function currentCall(): CallState | undefined {
  return store();
}

/** Runs one call: what it logs is its own, in whatever turn. */
export function inCall<T>(state: CallState, run: () => Promise<T>): Promise<T> {
  if (!isCaptured) {
    isCaptured = true;
    // What is logged outside of calls, while modules are evaluated, nobody asked for.
    captureConsole((log) => store()?.logs.add(log));
  }
  return calls.run(state, run);
}
