import type { Entry, Executor, Place, Report, Stop } from "./executor.ts";
import { bundler, fullCompiler } from "./full-compiler.ts";
import { FunctionRunner } from "./function-runner.ts";
import type { Bundled, BundleRequest } from "./guest/bundle-protocol.ts";
import { IsolateRunner } from "./isolate-runner.ts";

/** Isolates of functions that one process keeps; 2 to 3 MB each. */
const MOST_WARM = 128;

/**
 * Runs isolates in the process that do itself is in: on Cloudflare, which enforces `limits`, and in the tests, where the
 * guard in the code is all there is against code that does not end.
 */
export class InProcessExecutor implements Executor {
  readonly #runner: IsolateRunner;
  readonly #functions: FunctionRunner;
  readonly #compileFull: ReturnType<typeof fullCompiler>;
  readonly #bundle: ReturnType<typeof bundler>;

  constructor(loader: WorkerLoader) {
    this.#runner = new IsolateRunner(loader, { guard: true, mirrorLogs: false });
    this.#functions = new FunctionRunner(loader, { guard: true, mirrorLogs: false, mostWarm: MOST_WARM, oneOwner: false });
    this.#compileFull = fullCompiler(loader);
    this.#bundle = bundler(loader);
  }

  async enter({ tenant }: Entry): Promise<Place> {
    return {
      queueMs: 0,
      run: (program, host, stop) => untilGiven(this.#runner.run(program, host, stop.asked, this.#compileFull), stop),
      call: (program, host, stop, code) => untilGiven(this.#functions.call(program, tenant, host, stop.asked, code), stop),
      leave: async () => {},
    };
  }

  bundle(_entry: Entry, request: BundleRequest): Promise<Bundled> {
    return this.#bundle(request);
  }

  /** How many isolates of functions are kept now. */
  get warmCount(): number {
    return this.#functions.warmCount;
  }
}

async function untilGiven(running: Promise<Report>, { given }: Stop): Promise<Report> {
  const report = await Promise.race([running, given.then(() => undefined)]);
  const logs = { from: 0, entries: [] };
  return report ?? { ending: { kind: "killed", by: "host", logs }, hasRun: true, compileMs: 0, cpuMs: 0 };
}
