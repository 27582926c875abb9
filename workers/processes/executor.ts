import { WorkerEntrypoint } from "cloudflare:workers";
import type { CompileFull } from "../do/src/executor/compile/compile.ts";
import type { FunctionProgram, Program, Report } from "../do/src/executor/executor.ts";
import { FunctionRunner } from "../do/src/executor/function-runner.ts";
import type { FunctionHost } from "../do/src/executor/guest/function-protocol.ts";
import type { GuestHost } from "../do/src/executor/guest/protocol.ts";
import { IsolateRunner } from "../do/src/executor/isolate-runner.ts";

interface Env {
  LOADER: WorkerLoader;
}

/**
 * All that an executor process is: the Worker Loader, and a method for each kind of run. What it may touch comes with each call; it has no
 * network, no storage, no secret and nobody to call.
 */
export default class ExecutorProcess extends WorkerEntrypoint<Env> {
  /** Answers "alive" when the thread is free: the supervisor asks before the process is given to another tenant. */
  override fetch(): Response {
    return new Response("alive");
  }

  /** The same for the front: a call that changes nothing. */
  alive(): void {}

  /**
   * Runs a program. `lease` is the supervisor's name for it, which the code never sees: written to the output, it says that
   * the run has begun, and that it is over. `owner` stands for whose code it is.
   */
  run(lease: string, owner: string, program: Program, host: GuestHost, compileFull: CompileFull): Promise<Report> {
    return this.#leased(lease, owner, (asked) => runnerOf(this.env.LOADER).run(program, host, asked, compileFull));
  }

  /** Calls a saved function, in an isolate that may be warm from another call of the same owner. */
  call(lease: string, owner: string, program: FunctionProgram, host: FunctionHost, code: () => Promise<string>): Promise<Report> {
    return this.#leased(lease, owner, (asked) => functionsOf(this.env.LOADER).call(program, owner, host, asked, code));
  }

  async #leased(lease: string, owner: string, run: (asked: Promise<string>) => Promise<Report>): Promise<Report> {
    const asked = Promise.withResolvers<string>();
    stops.set(lease, asked.resolve);
    console.log(`began ${lease}`);
    functionsOf(this.env.LOADER).keepOnly(owner);
    try {
      return await run(asked.promise);
    } finally {
      stops.delete(lease);
      console.log(`done ${lease}`);
    }
  }

  /** Asks a run to end. */
  stop(lease: string, reason: string): void {
    stops.get(lease)?.(reason);
  }
}

const stops = new Map<string, (reason: string) => void>();
let runner: IsolateRunner | undefined;

/** One for the process, for it keeps what it compiled. Nothing guards the code from within: the process can be ended. */
function runnerOf(loader: WorkerLoader): IsolateRunner {
  return (runner ??= new IsolateRunner(loader, { guard: false, mirrorLogs: true }));
}

/** Isolates of functions that a process keeps, of the tenant whose code it ran last. */
const MOST_WARM = 32;
let functions: FunctionRunner | undefined;

function functionsOf(loader: WorkerLoader): FunctionRunner {
  return (functions ??= new FunctionRunner(loader, { guard: false, mirrorLogs: true, mostWarm: MOST_WARM, oneOwner: true }));
}
