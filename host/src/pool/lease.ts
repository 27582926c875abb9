/** What the front asks of a pool, and what it is told. The other side of `workers/do/src/executor/supervisor.ts`. */

export interface LeaseRequest {
  readonly executionId: string;
  readonly tenant: string;
  /** 0 for an execution that a caller started; more for one that an execution waits for. */
  readonly depth: number;
  readonly limits: { readonly wallMs: number; readonly cpuMs: number; readonly memoryMb: number };
}

export interface Lease {
  readonly id: string;
  /** Whose socket it is. */
  readonly seat: number;
  /** Whether its process has had no other. */
  readonly isFirst: boolean;
  readonly queueMs: number;
  /** Settles when the run has ended, or its process. */
  readonly verdict: Promise<Verdict>;
}

/**
 * How the process fared: it goes on, it was ended at a limit, it was ended because the run did not answer, or it ended
 * by itself or by another's hand.
 */
export type Fate = "kept" | "cpu" | "memory" | "ended" | "lost";

export interface Verdict {
  readonly fate: Fate;
  readonly cpuMs: number;
  /** The most that was seen. */
  readonly memoryMb: number;
  /** All that the run logged, when its process did not go on. */
  readonly logs: readonly GuestLog[];
  /** Of a call of an object: whether its process ever had it. */
  readonly hasBegun?: boolean;
}

export interface GuestLog {
  readonly level: string;
  readonly message: string;
}

export interface LiveUsage {
  readonly executionId: string;
  readonly executor: string;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly memoryMb: number;
}

/** Why nothing was leased. */
export class Refusal extends Error {
  readonly code: "RATE_LIMITED" | "UNAVAILABLE" | "LIMIT_EXCEEDED";
  readonly reason: string;
  readonly retryAfterMs: number;

  constructor(code: Refusal["code"], reason: string, message: string, retryAfterMs: number) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}
