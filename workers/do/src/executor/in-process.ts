import type { FunctionObject, ObjectStub } from "../objects/function-object.ts";
import type { Entry, Executor, Forgotten, FunctionProgram, Place, Report, Stop } from "./executor.ts";
import { bundler, fullCompiler } from "./full-compiler.ts";
import { FunctionRunner } from "./function-runner.ts";
import type { Bundled, BundleRequest } from "./guest/bundle-protocol.ts";
import type { FunctionHost } from "./guest/function-protocol.ts";
import { IsolateRunner, RunStop } from "./isolate-runner.ts";

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

  readonly #objects: DurableObjectNamespace<FunctionObject>;

  constructor(loader: WorkerLoader, objects: DurableObjectNamespace<FunctionObject>) {
    this.#objects = objects;
    this.#runner = new IsolateRunner(loader, { guard: true, mirrorLogs: false });
    this.#functions = new FunctionRunner(loader, { guard: true, mirrorLogs: false, mostWarm: MOST_WARM, oneOwner: false });
    this.#compileFull = fullCompiler(loader);
    this.#bundle = bundler(loader);
  }

  async enter({ tenant }: Entry): Promise<Place> {
    return {
      queueMs: 0,
      run: (program, host, stop) => untilGiven(this.#runner.run(program, host, stop.asked, this.#compileFull), stop),
      call: (program, host, stop, code) =>
        untilGiven(
          program.objectKey === undefined
            ? this.#functions.call(program, tenant, host, stop.asked, code)
            : this.#callObject(program.objectKey, program, tenant, host, stop, code),
          stop,
        ),
      leave: async () => {},
    };
  }

  bundle(_entry: Entry, request: BundleRequest): Promise<Bundled> {
    return this.#bundle(request);
  }

  async forget(_entry: Entry, { keys }: Forgotten): Promise<void> {
    for (const key of keys) await this.#objects.getByName(key).forget();
  }

  #callObject(
    key: string,
    program: FunctionProgram,
    tenant: string,
    host: FunctionHost,
    { asked }: Stop,
    code: () => Promise<string>,
  ): Promise<Report> {
    const object = this.#objects.getByName(key) as unknown as ObjectStub;
    return object.call(program, tenant, host, new RunStop(asked), code);
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
