import type { ExecutionError } from "../../../../sdk/src/types.ts";
import { CompileError, type Compiled } from "./compile/compile.ts";
import { Compiler } from "./compiler.ts";
import { parseCpuExceeded, parseEnvelope } from "./envelope.ts";
import type { Ending, Executor, Program, Report } from "./executor.ts";
import { CPU_MARK, type GuestHost, type GuestJob } from "./guest/protocol.ts";
import { supportFor, workerCode } from "./isolate.ts";
import { loadError } from "./stack.ts";

interface HarnessStub {
  run(job: GuestJob, host: GuestHost): Promise<string>;
}

/**
 * Runs isolates in this process: on Cloudflare, which enforces `limits`, and in one workerd, where the guard in the
 * code is all there is against code that does not end.
 */
export class InProcessExecutor implements Executor {
  readonly #loader: WorkerLoader;
  readonly #compiler: Compiler;

  constructor(loader: WorkerLoader) {
    this.#loader = loader;
    this.#compiler = new Compiler(loader);
  }

  async run(program: Program, host: GuestHost): Promise<Report> {
    const startedMs = performance.now();
    let compiled: Compiled;
    try {
      compiled = await this.#compiler.compile(program.code, {
        language: program.language,
        inScope: ["input", "env", "signal", ...program.services],
        guard: true,
      });
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      return { ending: { kind: "compile-error", error: compileError(error) }, compileMs: performance.now() - startedMs, cpuMs: 0 };
    }
    const compileMs = performance.now() - startedMs;
    const { input, inputTypes, services, limits, captureConsole } = program;
    // get() is lazy: the isolate is made when its stub is called. A null id is one isolate for one run.
    const support = supportFor(compiled.text);
    const isolate = this.#loader.get(null, () => workerCode(compiled.text, limits, support));
    const harness = isolate.getEntrypoint() as unknown as HarnessStub;
    try {
      const envelope = await harness.run({ input, inputTypes, services, limits, captureConsole, support, guard: true }, host);
      return { compileMs, ...parseEnvelope(envelope, compiled) };
    } catch (error) {
      const ending = rejectionEnding(error instanceof Error ? error.message : String(error), compiled);
      return { compileMs, ending, cpuMs: ending.kind === "cpu-exceeded" ? ending.spentMs : 0 };
    }
  }
}

/** What a run means whose isolate answered with an error instead of an envelope. In one process no run is lost. */
function rejectionEnding(message: string, compiled: Compiled): Ending {
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
