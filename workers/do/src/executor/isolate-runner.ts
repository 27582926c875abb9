import { RpcTarget } from "cloudflare:workers";
import type { ExecutionError } from "../../../../sdk/src/types.ts";
import { CompileError, type Compiled, type CompileFull } from "./compile/compile.ts";
import { Compiler } from "./compiler.ts";
import { parseCpuExceeded, parseEnvelope } from "./envelope.ts";
import type { Ending, Program, Report } from "./executor.ts";
import { CPU_MARK, type GuestHost, type GuestJob, type GuestStop } from "./guest/protocol.ts";
import { supportFor, workerCode } from "./isolate.ts";
import { loadError } from "./stack.ts";

interface HarnessStub {
  run(job: GuestJob, host: GuestHost, runner: GuestStop): Promise<string>;
}

/** What the harness is called with, to hear of its end. RPC exposes this one name. */
export class RunStop extends RpcTarget implements GuestStop {
  readonly #stopped: Promise<string>;
  #wasAsked = false;

  constructor(stopped: Promise<string>) {
    super();
    this.#stopped = stopped;
  }

  stopped(): Promise<string> {
    // The harness asks before it imports the code.
    this.#wasAsked = true;
    return this.#stopped;
  }

  static wasAsked(stop: RunStop): boolean {
    return stop.#wasAsked;
  }
}

export interface RunnerOptions {
  /** Whether code must stop itself, because nothing outside can stop it (guest/guard.ts). */
  readonly guard: boolean;
  /** Whether each log is also written to the process's output at once, where it outlives the process. */
  readonly mirrorLogs: boolean;
}

/** Compiles programs and runs each in an isolate of its own, in this process. */
export class IsolateRunner {
  readonly #loader: WorkerLoader;
  readonly #options: RunnerOptions;
  readonly #compiler = new Compiler();

  constructor(loader: WorkerLoader, options: RunnerOptions) {
    this.#loader = loader;
    this.#options = options;
  }

  /** `asked` settles when the code must stop. */
  async run(program: Program, host: GuestHost, asked: Promise<string>, compileFull: CompileFull): Promise<Report> {
    const { guard, mirrorLogs } = this.#options;
    const startedMs = performance.now();
    let compiled: Compiled;
    try {
      const inScope = ["input", "env", "signal", ...program.services];
      compiled = await this.#compiler.compile(program.code, { language: program.language, inScope, guard }, compileFull);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      return {
        ending: { kind: "compile-error", error: compileError(error) },
        hasRun: false,
        compileMs: performance.now() - startedMs,
        cpuMs: 0,
      };
    }
    const compileMs = performance.now() - startedMs;
    const { input, inputTypes, services, limits, captureConsole } = program;
    // get() is lazy: the isolate is made when its stub is called. A null id is one isolate for one run.
    const support = supportFor(compiled.text, inputTypes, guard);
    const isolate = this.#loader.get(null, () => workerCode(compiled.text, limits, support));
    const harness = isolate.getEntrypoint() as unknown as HarnessStub;
    const over = Promise.withResolvers<string>();
    const stop = new RunStop(Promise.race([asked, over.promise]));
    try {
      const envelope = await harness.run({ input, inputTypes, services, limits, captureConsole, mirrorLogs, support }, host, stop);
      return { compileMs, hasRun: RunStop.wasAsked(stop), ...parseEnvelope(envelope, compiled) };
    } catch (error) {
      const ending = rejectionEnding(error instanceof Error ? error.message : String(error), compiled);
      return { compileMs, hasRun: RunStop.wasAsked(stop), ending, cpuMs: ending.kind === "cpu-exceeded" ? ending.spentMs : 0 };
    } finally {
      // What the code left running hears it, and ends.
      over.resolve("ended");
    }
  }
}

/** What a run means whose isolate answered with an error instead of an envelope. In one process no run is lost. */
export function rejectionEnding(message: string, compiled: Compiled): Ending {
  if (message.startsWith(CPU_MARK)) return parseCpuExceeded(message.slice(CPU_MARK.length), compiled);
  // Cloudflare's own limit, where the guard sees no time pass.
  if (/exceeded CPU (?:time )?limit/i.test(message)) {
    return { kind: "cpu-exceeded", spentMs: 0, logs: { from: 0, entries: [] }, error: died(message, "CPU_LIMIT") };
  }
  const failed = loadError(message, compiled);
  if (failed) return { kind: "compile-error", error: failed };
  const tooLarge = /are limited to 32MiB, but the size of this value was: (\d+)/.exec(message);
  if (tooLarge) return { kind: "result-too-large", resultBytes: Number(tooLarge[1]) };
  if (message.includes("code had hung"))
    return { kind: "threw", error: died("The code waits for something that never happens", "NEVER_SETTLES") };
  return {
    kind: "threw",
    error: died(message.startsWith("internal error") ? "The code ended its own isolate" : message.slice(0, 16_384), "ABORTED"),
  };
}

function died(message: string, reason: string): ExecutionError {
  return { code: "THREW", reason, name: "Error", message };
}

function compileError({ name, message, position }: CompileError): ExecutionError {
  return { code: "COMPILE_ERROR", name, message, ...position };
}
