import { DurableObject } from "cloudflare:workers";
import type { FunctionProgram, Report } from "../executor/executor.ts";
import { FunctionRunner, type FunctionStub, type Reach } from "../executor/function-runner.ts";
import { NOT_LOADED } from "../executor/envelope.ts";
import type { FunctionHost } from "../executor/guest/function-protocol.ts";
import { GRACE_MS, type GuestStop } from "../executor/guest/protocol.ts";
import { Shift } from "./shift.ts";

interface Env {
  readonly LOADER: WorkerLoader;
}

/** As its callers have it: the runtime's own type of a stub takes no functions for arguments. */
export interface ObjectStub {
  call(program: FunctionProgram, owner: string, host: FunctionHost, stop: GuestStop, code: () => Promise<string>): Promise<Report>;
  forget(): Promise<void>;
}

/** The one facet of each: the object itself, whose storage stays whatever class it is of. */
const FACET = "object";
/** The class of the harness that calls the user's (executor/guest/object-harness.ts). */
const HARNESS_CLASS = "ObjectHarness";

/**
 * What stands before one object of a saved class: it is ours, and the object a facet of it, with a database of its own
 * that only its own code can reach. A new version of the class takes the place of the old one over the same database.
 */
export class FunctionObject extends DurableObject<Env> {
  readonly #shift = new Shift();
  /** Of the isolate that the facet is in. */
  #isolate: string | null | undefined;

  async call(program: FunctionProgram, owner: string, host: FunctionHost, stop: GuestStop, code: () => Promise<string>): Promise<Report> {
    const leave = await this.#shift.enter(program.warmId ?? "");
    try {
      const asked = stop.stopped();
      const called = runnerOf(this.env.LOADER).call(program, owner, host, asked, code, this.#reach);
      return await Promise.race([called, givenUp(asked)]);
    } finally {
      leave();
    }
  }

  /** Deletes all that it has stored. */
  async forget(): Promise<void> {
    this.#isolate = undefined;
    this.ctx.facets.delete(FACET);
    await this.ctx.storage.deleteAll();
  }

  readonly #reach: Reach = {
    stub: (isolate, name) => this.#facet(isolate, name),
    // Each of its objects ends by itself; what did not load will not.
    spends: ({ ending }) => ending.kind === "compile-error" || (ending.kind === "threw" && ending.error.reason === NOT_LOADED),
  };

  #facet(isolate: WorkerStub, name: string | null): FunctionStub {
    if (this.#isolate !== undefined && this.#isolate !== name) this.ctx.facets.abort(FACET, new Error("another version of its class"));
    this.#isolate = name;
    const start = () => ({ class: isolate.getDurableObjectClass(HARNESS_CLASS) });
    return this.ctx.facets.get(FACET, start) as unknown as FunctionStub;
  }
}

/** The host has given the call up: whatever the code waits for, its object is not held by it. */
async function givenUp(asked: Promise<string>): Promise<Report> {
  // Who asked may be gone, and nobody else can say it.
  const reason = await asked.catch(() => "ended");
  await new Promise((resolve) => void setTimeout(resolve, GRACE_MS));
  return { ending: { kind: "threw", error: { code: "THREW", name: "Error", message: reason } }, hasRun: true, compileMs: 0, cpuMs: 0 };
}

/** Isolates of classes that a process keeps: one for each version that is in use. */
const MOST_CLASSES = 16;
let runner: FunctionRunner | undefined;

/** Several objects run at a time in one thread: each look of the guard says whose turn it is, and ends that one alone. */
function runnerOf(loader: WorkerLoader): FunctionRunner {
  return (runner ??= new FunctionRunner(loader, { guard: true, mirrorLogs: false, mostWarm: MOST_CLASSES, oneOwner: false }));
}
