import type { ServiceCall } from "../../../../sdk/src/types.ts";
import { toDoError } from "../../../../sdk/src/errors.ts";
import type { Meter, MeteredCall } from "../capabilities.ts";
import { DoError } from "../errors.ts";

/** How deep `env.DO.execute` may nest, the root being 0. */
export const MAX_DEPTH = 4;
/** How many executions one root may start in all, itself included. */
export const MAX_EXECUTIONS = 100;
/** Cloudflare allows four dynamic isolates in flight per request; more would work here and fail there. */
export const MAX_IN_FLIGHT_EXECUTIONS = 4;
/** More calls than this wait for their turn: a hundred thousand at once would fill the host. */
const MAX_IN_FLIGHT_CALLS = 50;
const MAX_RECORDED_CALLS = 1_000;

/** What a root execution and all that it starts share. */
export class Budget {
  calls = 0;
  readonly maxCalls: number;
  deadlineMs: number;
  #executions = 1;
  #inFlight = 1;
  readonly #waiting: (() => void)[] = [];

  constructor(maxCalls: number, deadlineMs: number) {
    this.maxCalls = maxCalls;
    this.deadlineMs = deadlineMs;
  }

  /** Admits one more execution, `depth` deep. @returns to be called when it has ended */
  enter(depth: number): () => void {
    checkDepth(depth);
    if (this.#executions >= MAX_EXECUTIONS) throw tooMany("the number of executions under one root", MAX_EXECUTIONS);
    if (this.#inFlight >= MAX_IN_FLIGHT_EXECUTIONS) throw tooMany("the number of executions at a time", MAX_IN_FLIGHT_EXECUTIONS);
    this.#executions++;
    return this.#enter({ inFlight: 0 });
  }

  /**
   * Admits one that answers a request of its caller's, which is a call of the caller's and counted as that. It waits for
   * its turn where `enter` refuses; but one of each caller's goes at once, or all could wait for each other.
   */
  async enterInTurn(depth: number, caller: Turns): Promise<() => void> {
    checkDepth(depth);
    while (this.#inFlight >= MAX_IN_FLIGHT_EXECUTIONS && caller.inFlight > 0) {
      // oxlint-disable-next-line no-await-in-loop -- until there is room
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
    return this.#enter(caller);
  }

  #enter(caller: Turns): () => void {
    this.#inFlight++;
    caller.inFlight++;
    return () => {
      this.#inFlight--;
      caller.inFlight--;
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }
}

/** How many executions answer requests of one caller at the moment. */
export interface Turns {
  inFlight: number;
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw tooMany("the depth", MAX_DEPTH);
}

function tooMany(what: string, most: number): DoError {
  return new DoError("LIMIT_EXCEEDED", `Cannot run code from code: ${what} is at most ${most}`, { reason: "NESTING", retryable: false });
}

export interface MeterOptions {
  readonly budget: Budget;
  /** Of its own; the budget's is of all that the root starts. */
  readonly mostCalls: number;
  readonly elapsedMs: () => number;
  /** Settles before a call has an effect. */
  readonly beforeCall: () => Promise<unknown>;
  readonly onExceeded: () => void;
}

/** Meters the calls of one execution against its root's budget. */
export class ExecutionMeter implements Meter {
  readonly calls: ServiceCall[] = [];
  /** Calls that this execution made, those over the budget not counted. */
  count = 0;
  /** Whether it may have changed anything: then it is never run a second time. */
  hasWritten = false;
  readonly #options: MeterOptions;
  #open = true;
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  async call<T>({ service, method, access }: MeteredCall, run: () => Promise<T>): Promise<T> {
    this.take(access);
    if (this.#inFlight >= MAX_IN_FLIGHT_CALLS) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    this.#inFlight++;
    const { elapsedMs, beforeCall } = this.#options;
    const atMs = elapsedMs();
    try {
      await beforeCall();
      // Who waited may have outlived the execution.
      this.#check();
      const result = await run();
      this.#record({ service, method, atMs, durationMs: elapsedMs() - atMs, status: "ok" });
      return result;
    } catch (error) {
      this.#record({ service, method, atMs, durationMs: elapsedMs() - atMs, status: toDoError(error)?.code ?? "INTERNAL" });
      throw error;
    } finally {
      this.#inFlight--;
      this.#waiting.shift()?.();
    }
  }

  /** Takes one call from the budget; the one over it ends the execution. */
  take(access: MeteredCall["access"]): void {
    this.#check();
    if (access !== "read") this.hasWritten = true;
    const { budget, mostCalls, onExceeded } = this.#options;
    if (budget.calls >= budget.maxCalls || this.count >= mostCalls) {
      onExceeded();
      throw new DoError("LIMIT_EXCEEDED", `Cannot call: an execution may make at most ${Math.min(budget.maxCalls, mostCalls)} calls`, {
        reason: "CALLS",
        retryable: false,
      });
    }
    budget.calls++;
    this.count++;
  }

  /** From now on nothing that the execution left behind can call anything. */
  revoke(): void {
    this.#open = false;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #check(): void {
    if (!this.#open) throw new DoError("CANCELLED", "Cannot call: the execution is over", { reason: "EXECUTION_OVER" });
  }

  #record({ service, ...call }: Omit<ServiceCall, "service"> & Pick<MeteredCall, "service">): void {
    // Code holds the services, and not the executions of its tenant; its requests are kept apart (network.ts).
    if (service === "executions" || service === "egress") return;
    if (this.calls.length < MAX_RECORDED_CALLS) this.calls.push({ service, ...call });
  }
}
