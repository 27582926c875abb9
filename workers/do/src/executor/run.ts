import { RpcTarget } from "cloudflare:workers";
import type { LogEntry, ServiceCall, Usage } from "../../../../sdk/src/types.ts";
import { Budget, ExecutionMeter } from "./budget.ts";
import type { Ending, Executor, Report } from "./executor.ts";
import { GRACE_MS, type GuestHost } from "./guest/protocol.ts";
import { Logbook } from "./logbook.ts";
import { conclude, type Conclusion, type StopReason } from "./outcome.ts";
import type { Job } from "./request.ts";

/** What is known of a run while it runs and after. */
export interface RunRecord {
  readonly conclusion: Conclusion;
  readonly usage: Usage;
  readonly logs: LogEntry[];
  readonly calls: ServiceCall[];
  readonly truncated: string[];
}

/** What the isolate is called with. RPC exposes these three names and no other. */
export class RunHost extends RpcTarget implements GuestHost {
  readonly #logbook: Logbook;
  readonly #stopped: Promise<string>;
  readonly #surface: RpcTarget;

  readonly #onRun: () => void;

  constructor(logbook: Logbook, stopped: Promise<string>, surface: RpcTarget, onRun: () => void) {
    super();
    this.#onRun = onRun;
    this.#logbook = logbook;
    this.#stopped = stopped;
    this.#surface = surface;
  }

  get DO(): Record<string, unknown> {
    return this.#surface as unknown as Record<string, unknown>;
  }

  async log(batch: unknown): Promise<void> {
    this.#logbook.add(batch);
  }

  stopped(): Promise<string> {
    // The harness asks before it imports the code.
    this.#onRun();
    return this.#stopped;
  }
}

export interface RunOptions {
  readonly job: Job;
  readonly tier: string;
  readonly now: () => number;
  readonly onLog: (entry: LogEntry) => void;
  /** Settles before a call of the code has an effect. */
  readonly beforeCall: () => Promise<unknown>;
}

/** One execution while it runs: its clock, logs, calls, and the one reason for which the host ended it. */
export class Run {
  readonly meter: ExecutionMeter;
  readonly budget: Budget;
  readonly #job: Job;
  readonly #tier: string;
  readonly #now: () => number;
  #startedMs: number;
  readonly #isRoot: boolean;
  readonly #logbook: Logbook;
  readonly #stopped = Promise.withResolvers<string>();
  readonly #graceOver = Promise.withResolvers<undefined>();
  readonly #children = new Set<Run>();
  #stop: StopReason | undefined;
  #isOver = false;
  #hasRun = false;

  /** @param shared the root's budget, for an execution that an execution started */
  constructor({ job, tier, now, onLog, beforeCall }: RunOptions, shared?: Budget) {
    this.#job = job;
    this.#tier = tier;
    this.#now = now;
    this.#startedMs = now();
    this.#isRoot = shared === undefined;
    this.budget = shared ?? new Budget(job.limits.calls, this.#startedMs + job.limits.wallMs);
    this.#logbook = new Logbook(job.limits.logBytes, () => this.elapsedMs(), onLog);
    this.meter = new ExecutionMeter({
      budget: this.budget,
      elapsedMs: () => this.elapsedMs(),
      beforeCall,
      onExceeded: () => this.stop("calls-exceeded"),
    });
  }

  /** Sets the clock anew: waiting for another's answer was not running. */
  start(): void {
    this.#startedMs = this.#now();
    if (this.#isRoot) this.budget.deadlineMs = this.#startedMs + this.#job.limits.wallMs;
  }

  elapsedMs(): number {
    return this.#now() - this.#startedMs;
  }

  /** Logs so far. */
  get logs(): readonly LogEntry[] {
    return this.#logbook.entries;
  }

  /** An execution that this one started: it ends when this one does. */
  adopt(child: Run): void {
    this.#children.add(child);
    if (this.#isOver) child.stop("cancelled");
  }

  /** Ends the run; the first reason counts. The code sees `signal` aborted and has a moment left. */
  stop(reason: StopReason): void {
    if (this.#stop) return;
    this.#stop = reason;
    this.#close();
    this.#stopped.resolve(reason);
    setTimeout(() => this.#graceOver.resolve(undefined), GRACE_MS);
  }

  /** Runs to the end, whatever that is. `surface` is what the code gets as `env.DO`. */
  async execute(executor: Executor, surface: RpcTarget): Promise<RunRecord> {
    // Stopped before it started: by a parent that was over.
    if (this.#stop) return this.#record(undefined, this.elapsedMs());
    const timer = setTimeout(() => this.stop("timeout"), this.#job.limits.wallMs);
    const host = new RunHost(this.#logbook, this.#stopped.promise, surface, () => void (this.#hasRun = true));
    const running = executor.run(this.#job, host).catch((error: unknown) => {
      console.error(
        JSON.stringify({ level: "error", event: "executor-lost", error: error instanceof Error ? error.stack : String(error) }),
      );
      return undefined;
    });
    const report = await Promise.race([running, this.#graceOver.promise]);
    clearTimeout(timer);
    const wallMs = this.elapsedMs();
    this.#close();
    if (report?.ending.kind === "cpu-exceeded") this.#logbook.add(report.ending.logs);
    return this.#record(report, wallMs);
  }

  /** Nothing that the code left behind can do anything from here on. */
  #close(): void {
    this.#isOver = true;
    this.meter.revoke();
    for (const child of this.#children) child.stop("cancelled");
  }

  #record(report: Report | undefined, wallMs: number): RunRecord {
    const ending: Ending | undefined = report?.ending;
    const conclusion = conclude({ stop: this.#stop, ending, hasRun: this.#hasRun, wallMs, limits: this.#job.limits, tier: this.#tier });
    return {
      conclusion,
      usage: {
        queueMs: 0,
        compileMs: round(report?.compileMs ?? 0),
        wallMs: round(wallMs),
        // No isolate has used more CPU time than has passed, whatever it says.
        cpuMs: round(Math.min(report?.cpuMs ?? 0, wallMs)),
        calls: this.meter.count,
        logBytes: this.#logbook.bytes,
        resultBytes: conclusion.outcome === "ok" ? conclusion.resultBytes : 0,
      },
      logs: this.#logbook.entries,
      calls: this.meter.calls,
      truncated: this.#logbook.truncated ? ["logs"] : [],
    };
  }
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
