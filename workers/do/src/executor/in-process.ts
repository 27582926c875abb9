import type { Entry, Executor, Place } from "./executor.ts";
import { fullCompiler } from "./full-compiler.ts";
import { IsolateRunner } from "./isolate-runner.ts";

/**
 * Runs isolates in the process that do itself is in: on Cloudflare, which enforces `limits`, and in the tests, where the
 * guard in the code is all there is against code that does not end.
 */
export class InProcessExecutor implements Executor {
  readonly #runner: IsolateRunner;
  readonly #compileFull: ReturnType<typeof fullCompiler>;

  constructor(loader: WorkerLoader) {
    this.#runner = new IsolateRunner(loader, { guard: true, mirrorLogs: false });
    this.#compileFull = fullCompiler(loader);
  }

  async enter(_entry: Entry): Promise<Place> {
    return {
      queueMs: 0,
      run: async (program, host, { asked, given }) => {
        const running = this.#runner.run(program, host, asked, this.#compileFull);
        const report = await Promise.race([running, given.then(() => undefined)]);
        const logs = { from: 0, entries: [] };
        return report ?? { ending: { kind: "killed", by: "host", logs }, hasRun: true, compileMs: 0, cpuMs: 0 };
      },
      leave: async () => {},
    };
  }
}
