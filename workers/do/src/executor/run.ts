import { RpcTarget } from "cloudflare:workers";
import type { LogEntry, ServiceCall, Usage } from "../../../../sdk/src/types.ts";
import { Budget, ExecutionMeter } from "./budget.ts";
import type { Place, Program, Report, Stop } from "./executor.ts";
import { GRACE_MS, type GuestHost, type GuestResponse } from "./guest/protocol.ts";
import { Logbook } from "./logbook.ts";
import { conclude, type Conclusion, type StopReason } from "./outcome.ts";
import type { GuestNetwork } from "./network.ts";
import type { Job } from "./request.ts";

/** A program that takes its executor with it each time must not do so for ever. */
const MAX_ATTEMPTS = 3;

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
  readonly #surface: RpcTarget;
  readonly #network: GuestNetwork;

  constructor(logbook: Logbook, surface: RpcTarget, network: GuestNetwork) {
    super();
    this.#logbook = logbook;
    this.#surface = surface;
    this.#network = network;
  }

  get DO(): Record<string, unknown> {
    return this.#surface as unknown as Record<string, unknown>;
  }

  async log(batch: unknown): Promise<void> {
    this.#logbook.add(batch);
  }

  request(sent: unknown): Promise<GuestResponse> {
    return this.#network.request(sent);
  }
}

/** Runs once, in one place; what is logged goes to the logbook. */
export type Attempt = (place: Place, logbook: Logbook, stop: Stop) => Promise<Report>;

/** A program that is run once and forgotten; `surface` is what its code gets as `env.DO`. */
export function programAttempt(program: Program, surface: RpcTarget, network: GuestNetwork): Attempt {
  return (place, logbook, stop) => place.run(program, new RunHost(logbook, surface, network), stop);
}

export interface RunOptions {
  readonly job: Pick<Job, "limits">;
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
  readonly #job: Pick<Job, "limits">;
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
  #queueMs = 0;

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
      mostCalls: job.limits.calls,
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

  /**
   * Runs to the end, whatever that is, in `place` and, when that is lost with nothing written, in others.
   */
  async execute(place: Place, another: () => Promise<Place>, attempt: Attempt): Promise<RunRecord> {
    // Stopped before it started: by a parent that was over, or while it waited.
    if (this.#stop) {
      await place.leave();
      return this.#record(undefined, this.elapsedMs());
    }
    const timer = setTimeout(() => this.stop("timeout"), this.#job.limits.wallMs);
    const report = await this.#runUntilKept(place, another, attempt);
    clearTimeout(timer);
    const wallMs = this.elapsedMs();
    this.#close();
    if (report && "logs" in report.ending) this.#logbook.add(report.ending.logs);
    return this.#record(report, wallMs);
  }

  /** A run that was lost and had written nothing is run again. @returns undefined when it stays lost */
  async #runUntilKept(first: Place, another: () => Promise<Place>, attemptOnce: Attempt): Promise<Report | undefined> {
    let place = first;
    for (let attempt = 1; ; attempt++) {
      this.#queueMs += place.queueMs;
      try {
        return await attemptOnce(place, this.#logbook, { asked: this.#stopped.promise, given: this.#graceOver.promise });
      } catch (error) {
        logLost(error, attempt);
        if (this.#stop || this.meter.hasWritten || attempt === MAX_ATTEMPTS) return undefined;
        this.#logbook.restart();
        const next = await another().catch(() => undefined);
        // No room to run it again: it stays lost, and its record says so.
        if (!next) return undefined;
        place = next;
      }
    }
  }

  /** Nothing that the code left behind can do anything from here on. */
  #close(): void {
    this.#isOver = true;
    this.meter.revoke();
    for (const child of this.#children) child.stop("cancelled");
  }

  #record(report: Report | undefined, wallMs: number): RunRecord {
    // No isolate has used more CPU time than has passed, whatever it says.
    const cpuMs = Math.min(report?.cpuMs ?? 0, wallMs);
    const conclusion = conclude({
      stop: this.#stop,
      ending: report?.ending,
      hasRun: report?.hasRun ?? false,
      mostCpuMs: report?.memoryMb === undefined || report.wasShared ? wallMs : cpuMs,
      limits: this.#job.limits,
      tier: this.#tier,
    });
    return {
      conclusion,
      usage: {
        queueMs: round(this.#queueMs),
        compileMs: round(report?.compileMs ?? 0),
        wallMs: round(wallMs),
        cpuMs: round(cpuMs),
        ...(report?.memoryMb === undefined ? {} : { memoryMb: round(report.memoryMb) }),
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

function logLost(error: unknown, attempt: number): void {
  const said = error instanceof Error ? error.message : String(error);
  console.error(JSON.stringify({ level: "error", event: "executor-lost", attempt, error: said }));
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
