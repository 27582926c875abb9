import { DurableObject } from "cloudflare:workers";
import { objectOf, type Entrypoint } from "./entrypoints.ts";
import { runCall } from "./function-calls.ts";
import { currentCall } from "./function-logs.ts";
import type { FunctionHost, FunctionJob } from "./function-protocol.ts";
import { runCalled, type Exports } from "./function-run.ts";
import { objectId } from "./object-namespace.ts";
import type { GuestStop } from "./protocol.ts";

const { Error, Object, Promise, Proxy, Reflect } = globalThis;

/**
 * Calls an object of a saved class. It stays for calls to come, as does what the class keeps in its variables; its storage
 * stays longer than both. What a call may use comes with the call.
 */
export class ObjectHarness extends DurableObject {
  #object: Promise<Entrypoint> | undefined;

  run(job: FunctionJob, host: FunctionHost, runner: GuestStop, body: ReadableStream | null): Promise<string> {
    const abort = (reason: Error) => this.ctx.abort(reason as unknown as string);
    // The object outlives the call: only what the call held ends with it.
    return runCalled({ job, host, runner }, { abort, onStop: () => {} }, async (exported, { env, pending }, signal) => {
      const object = await this.#made(exported, job);
      const value = await runCall(object, { job, host, body, signal, env, ctx: this.ctx });
      await Promise.allSettled(pending);
      return value;
    });
  }

  async #made(exported: Exports, job: FunctionJob): Promise<Entrypoint> {
    try {
      return await (this.#object ??= this.#make(exported, job));
    } catch (error) {
      // The next call tries again.
      this.#object = undefined;
      throw error;
    }
  }

  async #make(exported: Exports, { call, object }: FunctionJob): Promise<Entrypoint> {
    const blocking: Promise<unknown>[] = [];
    const block = this.ctx.blockConcurrencyWhile.bind(this.ctx);
    const blockConcurrencyWhile = (work: () => Promise<unknown>) => {
      const done = block(work);
      blocking.push(done);
      return done;
    };
    Object.defineProperties(this.ctx, {
      id: { value: objectId(object?.name ?? ""), configurable: true },
      props: { value: {}, configurable: true },
      exports: { value: {}, configurable: true },
      facets: { value: undefined, configurable: true },
      waitUntil: { value: (work: unknown) => void currentCall()?.pending.push(Promise.resolve(work)), configurable: true },
      blockConcurrencyWhile: { value: blockConcurrencyWhile, configurable: true },
    });
    Object.defineProperty(this.ctx.storage, "setAlarm", { value: noAlarms, configurable: true });
    const made = objectOf(exported, call.kind === "describe" ? "" : call.entrypoint, this.ctx, environment);
    // As the runtime does it: nothing is called before what the constructor blocks for is done.
    await Promise.all(blocking);
    return made;
  }
}

function noAlarms(): Promise<never> {
  return Promise.reject(new Error("An object of a function has no alarms: let env.DO.schedule call it"));
}

/** `this.env` of an object, which is made once: at each call what that call has. */
const environment: object = new Proxy(Object.create(null) as object, {
  get: (_target, name) => Reflect.get(current(), name) as unknown,
  has: (_target, name) => Reflect.has(current(), name),
  ownKeys: () => Reflect.ownKeys(current()),
  getOwnPropertyDescriptor: (_target, name) => {
    const descriptor = Reflect.getOwnPropertyDescriptor(current(), name);
    return descriptor && { ...descriptor, configurable: true };
  },
  set: () => false,
  defineProperty: () => false,
});

const NONE: object = Object.create(null) as object;

function current(): object {
  return currentCall()?.env ?? NONE;
}
