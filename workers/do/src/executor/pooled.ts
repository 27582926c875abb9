import { sha256 } from "../../../core-services/shared/hash.ts";
import { DoError } from "../errors.ts";
import type { CompileFull } from "./compile/compile.ts";
import { enterHome, forgetInHome } from "./homes.ts";
import type { Entry, Executor, Forgotten, FunctionProgram, Place, Program, Report, Stop } from "./executor.ts";
import type { Bundled, BundleRequest } from "./guest/bundle-protocol.ts";
import type { FunctionHost } from "./guest/function-protocol.ts";
import type { GuestHost, LogBatch } from "./guest/protocol.ts";
import { parseReport } from "./report.ts";
import { SETTLE_MS } from "./settle.ts";
import type { Lease, Supervisor, Verdict } from "./supervisor.ts";

export interface ProcessStub {
  alive(): Promise<void>;
}

/** An executor process, as its binding has it (workers/processes/executor.ts). */
export interface ExecutorStub extends ProcessStub {
  run(lease: string, owner: string, program: Program, host: GuestHost, compileFull: CompileFull): Promise<unknown>;
  call(lease: string, owner: string, program: FunctionProgram, host: FunctionHost, code: () => Promise<string>): Promise<unknown>;
  stop(lease: string, reason: string): Promise<void>;
}

/** The compiler process (workers/processes/compiler.ts). */
export interface CompilerStub extends ProcessStub {
  compile(lease: string, code: string): ReturnType<CompileFull>;
  bundle(lease: string, request: BundleRequest): Promise<Bundled>;
}

/** The process of a home (workers/processes/home.ts). */
export interface HomeStub extends ProcessStub {
  call(lease: string, owner: string, program: FunctionProgram, host: FunctionHost, code: () => Promise<string>): Promise<unknown>;
  stop(lease: string, reason: string): Promise<void>;
  forget(lease: string, keys: readonly string[]): Promise<void>;
}

export interface Processes {
  executor(seat: number): ExecutorStub;
  home(seat: number): HomeStub;
  compiler(seat: number): CompilerStub;
}

/** What compiling may cost that needs all of TypeScript; it runs in a process of its own. */
const COMPILER_LIMITS = { wallMs: 30_000, cpuMs: 5_000, memoryMb: 768 };
/** The same for many files, and for packages: date-fns is 2,600. */
const BUNDLER_LIMITS = { ...COMPILER_LIMITS, cpuMs: 15_000 };

/** Runs each program in a process that runs nothing else meanwhile, and that the supervisor ends at its limits. */
export class PooledExecutor implements Executor {
  readonly #supervisor: Supervisor;
  readonly #processes: Processes;

  constructor(supervisor: Supervisor, processes: Processes) {
    this.#supervisor = supervisor;
    this.#processes = processes;
  }

  async enter(entry: Entry): Promise<Place> {
    if (entry.home !== undefined) return enterHome(this.#supervisor, (seat) => this.#processes.home(seat), entry);
    const lease = await this.#supervisor.lease("executor", entry);
    const owner = sha256(entry.tenant);
    const ran = (start: (executor: ExecutorStub) => Promise<unknown>, stop: Stop) => this.#run(lease, start, stop);
    return {
      queueMs: lease.queueMs,
      run: (program, host, stop) =>
        ran((executor) => executor.run(lease.id, owner, program, host, (code) => this.#compileFull(code, entry)), stop),
      call: (program, host, stop, code) => ran((executor) => executor.call(lease.id, owner, program, host, code), stop),
      leave: () => this.#supervisor.leave(lease),
    };
  }

  forget(entry: Entry & { readonly home: string }, what: Forgotten): Promise<void> {
    return forgetInHome(this.#supervisor, (seat) => this.#processes.home(seat), entry, what);
  }

  async bundle(entry: Entry, request: BundleRequest): Promise<Bundled> {
    const bundled = await this.#inCompiler(entry, BUNDLER_LIMITS, (compiler, lease) => compiler.bundle(lease, request));
    return bundled ?? { error: "The code is too much for the TypeScript compiler" };
  }

  async #run(lease: Lease, start: (executor: ExecutorStub) => Promise<unknown>, { asked, given }: Stop): Promise<Report> {
    const executor = await connected(this.#processes.executor(lease.seat), lease);
    const running = settle(start(executor));
    // Who does not hear it is ended all the same.
    void asked.then((reason) => executor.stop(lease.id, reason)).catch(() => undefined);
    const settled = await Promise.race([running, given.then(() => after(SETTLE_MS))]);
    if (!settled?.ok) await this.#supervisor.end(lease);
    return toReport(settled, await lease.verdict());
  }

  async #compileFull(code: string, entry: Entry): ReturnType<CompileFull> {
    const compiled = await this.#inCompiler(entry, COMPILER_LIMITS, (compiler, lease) => compiler.compile(lease, code));
    return compiled ?? { error: "The code is too much for the TypeScript compiler", line: 1, column: 0 };
  }

  /** @returns undefined when the compiler was ended at its limits */
  async #inCompiler<T>(
    entry: Entry,
    limits: Entry["limits"],
    ask: (compiler: CompilerStub, lease: string) => Promise<T>,
  ): Promise<T | undefined> {
    // It waits for nobody: to the pool of compilers, what an execution inside another asks is like any other.
    const lease = await this.#supervisor.lease("compiler", { ...entry, depth: 0, limits });
    const compiler = await connected(this.#processes.compiler(lease.seat), lease);
    const settled = await settle(ask(compiler, lease.id));
    if (settled.ok) return settled.value;
    await this.#supervisor.end(lease);
    const { fate } = await lease.verdict();
    if (fate === "cpu" || fate === "memory") return undefined;
    throw new DoError("UNAVAILABLE", "The compiler was lost", { reason: "COMPILER_LOST", retryAfterMs: 100 });
  }
}

/**
 * The runtime keeps a connection to each seat, and notices that it leads to a process that is gone only when it is used:
 * the first call to a new process would be lost.
 */
export async function connected<T extends ProcessStub>(stub: T, { isFirst }: Lease): Promise<T> {
  if (isFirst) await stub.alive().catch(() => undefined);
  return stub;
}

export function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => void setTimeout(() => resolve(undefined), ms));
}

export type Settled<T> = { ok: true; value: T } | { ok: false };

export async function settle<T>(work: Promise<T>): Promise<Settled<T>> {
  try {
    return { ok: true, value: await work };
  } catch {
    // Its words are those of a lost connection; why it was lost, the supervisor knows.
    return { ok: false };
  }
}

/** @throws Error when the run was lost */
function toReport(settled: Settled<unknown> | undefined, verdict: Verdict): Report {
  const { fate, cpuMs, memoryMb } = verdict;
  if (settled?.ok) return { ...parseReport(settled.value), cpuMs, memoryMb };
  const by = settled ? KILLED_BY[fate] : "host";
  if (by === undefined) throw new Error(`The process of the run did not go on: ${fate}`);
  return { ending: { kind: "killed", by, logs: toBatch(verdict) }, hasRun: true, compileMs: 0, cpuMs, memoryMb };
}

const KILLED_BY = { cpu: "cpu", memory: "memory", kept: undefined, ended: undefined, lost: undefined } as const;

/** Checked by the logbook, as what the isolate itself sends is. */
export function toBatch({ logs }: Verdict): LogBatch {
  return { from: 0, entries: logs as LogBatch["entries"] };
}
