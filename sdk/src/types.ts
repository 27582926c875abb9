import type { ErrorCode } from "./errors.ts";
import type { ValueTypes } from "./values.ts";

/** The eight services that stand behind one binding. */
export const SERVICES = ["db", "auth", "gateway", "schedule", "webhooks", "email", "mcp", "queue"] as const;
export type ServiceName = (typeof SERVICES)[number];

/** How an execution ended. Closed: a new way to end is a change of the contract. */
export const OUTCOMES = [
  "ok",
  "threw",
  "compile-error",
  "timeout",
  "cpu-exceeded",
  "memory-exceeded",
  "calls-exceeded",
  "result-too-large",
  "cancelled",
  "lost",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const LOG_LEVELS = ["debug", "log", "info", "warn", "error", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogEntry {
  level: LogLevel;
  message: string;
  /** Milliseconds since the execution started, by the host's clock. */
  atMs: number;
}

export interface ExecuteRequest {
  /** A body with `return`, a module with a default export, or a Worker. Markdown fences around it are dropped. */
  code: string;
  /** Default `ts`. */
  language?: "ts" | "js";
  /** What the code sees as `input`. */
  input?: unknown;
  /** The services that the code may use; default: all that the policy grants. */
  services?: readonly ServiceName[];
  /** Wall clock, in milliseconds; default and most come from the tier. */
  timeoutMs?: number;
  /** Names the answer for reuse, within this tenant, policy and code. Only an `ok` outcome is kept. */
  cacheKey?: string;
  /** 1 to 86,400; default 300. Needs `cacheKey`. */
  cacheTtlSeconds?: number;
  /** Default true. */
  captureConsole?: boolean;
  /** Record the code's network calls in `requests`. Default false. */
  captureFetch?: boolean;
  /** The same key and the same request: the first answer again, for 24 hours. */
  idempotencyKey?: string;
}

export interface Usage {
  /** Waited for an executor. */
  queueMs: number;
  compileMs: number;
  wallMs: number;
  cpuMs: number;
  /** Most memory that the code had taken, where the operating system was asked: on your own machine. */
  memoryMb?: number;
  calls: number;
  logBytes: number;
  resultBytes: number;
}

export interface ExecutionError {
  code: ErrorCode | "THREW" | "COMPILE_ERROR";
  reason?: string;
  name: string;
  message: string;
  /** Frames of the submitted code only, at positions of the text that was sent. */
  stack?: string;
  /** 1-based, in the text that was sent. */
  line?: number;
  column?: number;
}

/** One network call of the code, kept with `captureFetch`. */
export interface CapturedRequest {
  method: string;
  /** As the code asked for it, at most 2,048 characters of it. */
  url: string;
  /** 0 when there was no answer; then `reason` says why, `EGRESS_DENIED` when no rule allows it. */
  status: number;
  /** Since the execution began. */
  atMs: number;
  /** Until the head of the answer was there. */
  durationMs: number;
  reason?: string;
}

interface AnswerBase {
  id: string;
  success: boolean;
  outcome: Outcome;
  error?: ExecutionError;
  logs: LogEntry[];
  requests?: CapturedRequest[];
  cacheHit: boolean;
  usage: Usage;
  /** What was cut to its limit: `logs`, `requests`. */
  truncated?: string[];
}

/** The answer as JSON: `result` is plain JSON, `resultEncoding` names the types that JSON cannot (see values.ts). */
export interface EncodedAnswer extends AnswerBase {
  result?: unknown;
  resultEncoding?: ValueTypes;
}

/** The answer as RPC and SDK callers get it: `result` has its types again. */
export interface ExecutionAnswer extends AnswerBase {
  result?: unknown;
}

/** What happens while code runs; the last event is the result. */
export type ExecutionEvent = { type: "log"; entry: LogEntry } | { type: "result"; answer: ExecutionAnswer };

/** The same for a callback over RPC, which has no header to tell the id in: it comes first. */
export type RpcEvent = { type: "started"; id: string } | ExecutionEvent;

export type ExecutionState = "running" | "ended";

export interface ExecutionSummary {
  id: string;
  state: ExecutionState;
  parentId?: string;
  /** Why it runs, if nobody asked for it then: `queue:orders`, `schedule:nightly`. */
  cause?: string;
  principalId: string;
  requestHash: string;
  startedAt: string;
  endedAt?: string;
  outcome?: Outcome;
  usage?: Usage;
  /** While it runs in a process of its own: which, and what it uses now. Without it, it waits or cannot be told. */
  live?: LiveUsage;
}

export interface LiveUsage {
  executor: string;
  wallMs: number;
  cpuMs: number;
  memoryMb: number;
}

export interface ServiceCall {
  service: ServiceName;
  method: string;
  /** Milliseconds since the execution started. */
  atMs: number;
  durationMs: number;
  /** `ok`, or the code of the error that it answered. */
  status: "ok" | ErrorCode;
}

export interface ExecutionRecord extends ExecutionSummary {
  principal: { kind: string; id: string; tenant: string; tier: string };
  language: "ts" | "js";
  code: string;
  input?: unknown;
  inputEncoding?: ValueTypes;
  logs: LogEntry[];
  calls: ServiceCall[];
  /** With `captureFetch`. */
  requests?: CapturedRequest[];
  error?: ExecutionError;
  truncated?: string[];
}

export interface Page<T> {
  items: T[];
  cursor?: string;
}

/** Hard numbers of one execution. */
export interface Limits {
  wallMs: number;
  cpuMs: number;
  memoryMb: number;
  calls: number;
  codeBytes: number;
  inputBytes: number;
  resultBytes: number;
  logBytes: number;
}

export interface WhoAmI {
  principal: { kind: string; id: string; tenant: string; tier: string };
  scopes: string[];
  services: ServiceName[];
  limits: Limits & {
    wallMsMost: number;
    /** Executions of the principal at a time, and requests in a minute; then of its tenant together. Null is no limit. */
    concurrent: number;
    perMinute: number | null;
    tenantConcurrent: number | null;
    tenantPerMinute: number | null;
  };
  /** By what the caller came. */
  credential?: { id: string; expiresAt?: string };
  /** How much is left of each rate. */
  rates?: { name: string; limit: number; windowSeconds: number; remaining: number; resetSeconds: number }[];
}
