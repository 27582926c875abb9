import { parse } from "acorn";
import { Edits, type Position } from "./compile/edits.ts";
import { instrument } from "./compile/instrument.ts";
import type { Compiled } from "./compile/compile.ts";
import { NOT_LOADED, parseEnvelope } from "./envelope.ts";
import type { FunctionProgram, Report } from "./executor.ts";
import type { FunctionHost, FunctionJob } from "./guest/function-protocol.ts";
import type { GuestStop } from "./guest/protocol.ts";
import { functionWorkerCode } from "./isolate.ts";
import { rejectionEnding, RunStop, type RunnerOptions } from "./isolate-runner.ts";
import { WarmSet, type Warm } from "./warm.ts";

export interface FunctionStub {
  run(job: FunctionJob, host: FunctionHost, runner: GuestStop, body: ReadableStream<Uint8Array> | null): Promise<string>;
}

interface Loaded {
  readonly compiled: Compiled;
  /** What the loader knows it by. */
  readonly name: string | null;
  readonly isolate: () => WorkerStub;
}

/** How a call gets into an isolate: by its entrypoint, or by an object of one of its classes. */
export interface Reach {
  stub(isolate: WorkerStub, name: string | null): FunctionStub;
  /** Whether its isolate is of no more use after such an end. */
  spends(report: Report): boolean;
}

const BY_ENTRYPOINT: Reach = {
  stub: (isolate) => isolate.getEntrypoint() as unknown as FunctionStub,
  spends: (report) => !isWhole(report),
};

export interface FunctionRunnerOptions extends RunnerOptions {
  readonly mostWarm: number;
  /** In a process of many tenants an isolate of each may be warm; in one that is given from one to the other, only of one. */
  readonly oneOwner: boolean;
}

interface Retired {
  retire(): Promise<void>;
}

const MOST_WARM_CHARACTERS = 64 * 1024 * 1024;

/** Calls saved functions, each in an isolate that is kept for the next call of the same code by the same tenant. */
export class FunctionRunner {
  readonly #loader: WorkerLoader;
  readonly #options: FunctionRunnerOptions;
  readonly #warm: WarmSet<Loaded>;
  #generation = 0;

  constructor(loader: WorkerLoader, options: FunctionRunnerOptions) {
    this.#loader = loader;
    this.#options = options;
    this.#warm = new WarmSet<Loaded>({
      most: options.mostWarm,
      mostCharacters: MOST_WARM_CHARACTERS,
      // It answers with the error that ended it.
      retire: ({ value }) => void (value.isolate().getEntrypoint() as unknown as Retired).retire().catch(() => undefined),
    });
  }

  get warmCount(): number {
    return this.#warm.size;
  }

  /** Before anything of `owner` runs here. */
  keepOnly(owner: string): void {
    if (this.#options.oneOwner) this.#warm.keepOnly(owner);
  }

  /** `asked` settles when the code must stop; `owner` is whose code it is, in a form that tells no name. */
  async call(
    program: FunctionProgram,
    owner: string,
    host: FunctionHost,
    asked: Promise<string>,
    code: () => Promise<string>,
    reach: Reach = BY_ENTRYPOINT,
  ): Promise<Report> {
    const { warmId } = program;
    if (warmId === undefined) return this.#run(this.#load(null, await code(), program), program, host, asked, reach);
    const warm = this.#warm.take(warmId) ?? (await this.#warmUp(warmId, owner, program, code));
    try {
      const report = await this.#run(warm.value, program, host, asked, reach);
      // Its isolate may have ended with it, or it never began: the next call gets another.
      if (reach.spends(report)) this.#warm.spend(warm);
      return report;
    } finally {
      this.#warm.leave(warm);
    }
  }

  async #warmUp(id: string, owner: string, program: FunctionProgram, code: () => Promise<string>): Promise<Warm<Loaded>> {
    const text = await code();
    // Another call may have loaded it meanwhile.
    return this.#warm.take(id) ?? this.#warm.add(id, owner, text.length, this.#load(`${id}:${this.#generation++}`, text, program));
  }

  #load(name: string | null, text: string, { job }: FunctionProgram): Loaded {
    const compiled = this.#options.guard ? guarded(text) : { text, originalOf: (position: Position) => position };
    // get() is lazy, and is asked each time: a stub belongs to the request that got it.
    const make = () => functionWorkerCode(compiled.text, job.limits, this.#options.guard);
    return { compiled, name, isolate: () => this.#loader.get(name, make) };
  }

  async #run(
    { compiled, name, isolate }: Loaded,
    { job, body }: FunctionProgram,
    host: FunctionHost,
    asked: Promise<string>,
    reach: Reach,
  ): Promise<Report> {
    const { guard, mirrorLogs } = this.#options;
    const over = Promise.withResolvers<string>();
    const stop = new RunStop(Promise.race([asked, over.promise]));
    try {
      const envelope = await reach.stub(isolate(), name).run({ ...job, guard, mirrorLogs }, host, stop, body);
      return { compileMs: 0, hasRun: RunStop.wasAsked(stop), ...parseEnvelope(envelope, compiled) };
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      // An object that aborts itself says so in the words of an error within an error.
      const ending = rejectionEnding(said.replace(/^Error: /, ""), compiled);
      return { compileMs: 0, hasRun: RunStop.wasAsked(stop), ending, cpuMs: ending.kind === "cpu-exceeded" ? ending.spentMs : 0 };
    } finally {
      // What the code left running hears it, and ends.
      over.resolve("ended");
    }
  }
}

const NOT_WHOLE: ReadonlySet<string | undefined> = new Set(["ABORTED", "FORGED_ANSWER", NOT_LOADED]);

/** Whether the isolate is one to go on with. */
function isWhole({ ending }: Report): boolean {
  if (ending.kind === "compile-error" || ending.kind === "cpu-exceeded") return false;
  return ending.kind !== "threw" || !NOT_WHOLE.has(ending.error.reason);
}

/** The module with counters in it, where nothing outside ends code that does not end (compile/instrument.ts). */
function guarded(text: string): Compiled {
  const edits = new Edits(text);
  const head = instrument(parse(text, { ecmaVersion: "latest", sourceType: "module" }), text, edits);
  const edited = edits.apply();
  return {
    text: head + edited.text,
    originalOf: (position) =>
      edited.originalOf(position.line === 1 ? { ...position, column: Math.max(1, position.column - head.length) } : position),
  };
}
