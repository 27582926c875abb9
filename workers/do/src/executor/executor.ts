import type { ExecutionError } from "../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../sdk/src/values.ts";
import type { Bundled, BundleRequest } from "./guest/bundle-protocol.ts";
import type { FunctionHost, FunctionJob } from "./guest/function-protocol.ts";
import type { GuestHost, LogBatch } from "./guest/protocol.ts";
import type { Job } from "./request.ts";

/** What an executor needs of a job. Everything in it crosses process borders. */
export type Program = Pick<Job, "code" | "language" | "input" | "inputTypes" | "services" | "limits" | "captureConsole">;

/** How a run ended, as far as the executor can tell. What the isolate said is in it as text and is checked by the host. */
export type Ending =
  | { kind: "answered"; resultText: string; types: ValueTypes; hasValue: boolean }
  | { kind: "threw"; error: ExecutionError }
  | { kind: "compile-error"; error: ExecutionError }
  | { kind: "cpu-exceeded"; spentMs: number; logs: LogBatch; error: ExecutionError }
  | { kind: "result-too-large"; resultBytes: number }
  /** Its process was ended. By whom it was is the supervisor's word; `host` is a run that the host itself gave up. */
  | { kind: "killed"; by: "cpu" | "memory" | "host"; logs: LogBatch };

export interface Report {
  ending: Ending;
  /** Whether the isolate has called its runner: then its code was loaded, whatever an error says. */
  hasRun: boolean;
  compileMs: number;
  /** The guest's own estimate in one process; measured by the operating system where executors are processes. */
  cpuMs: number;
  /** Others ran in its process meanwhile: what the code itself used, nobody measured. */
  wasShared?: boolean;
  /** Most memory that the run had taken, where the operating system was asked. */
  memoryMb?: number;
}

/** Who wants to run code, for those who decide when. */
export interface Entry {
  readonly executionId: string;
  readonly tenant: string;
  /** 0 for an execution that a caller started. */
  readonly depth: number;
  readonly limits: Pick<Job["limits"], "wallMs" | "cpuMs" | "memoryMb">;
  /** Of a saved function: a process that has its isolate is better than another. */
  readonly warmId?: string | undefined;
  /** Of a call of an object: what its function's objects are kept under, in a form that tells no name. */
  readonly home?: string | undefined;
  /** Of that, which object: the same as the program's. */
  readonly objectKey?: string | undefined;
  /** What it wants is to delete something there. */
  readonly isForgetting?: boolean | undefined;
}

/** One call of a saved function. */
export interface FunctionProgram {
  /** What the isolate is kept under, made from all that its code may not share with other code; none for one that is used once. */
  readonly warmId: string | undefined;
  readonly job: Omit<FunctionJob, "guard" | "mirrorLogs">;
  /** The object that is called, by what it is kept under. */
  readonly objectKey?: string | undefined;
  readonly body: ReadableStream<Uint8Array> | null;
}

/**
 * What runs isolates. In one process it is the process itself (`InProcessExecutor`); where executions can be killed, a
 * pool of processes (`PooledExecutor`). The same tests hold for both.
 */
export interface Executor {
  /** Waits for a place to run in. @throws DoError RATE_LIMITED, UNAVAILABLE, with `retryAfterMs` */
  enter(entry: Entry): Promise<Place>;
  /** Makes one module of several files. @throws DoError UNAVAILABLE */
  bundle(entry: Entry, request: BundleRequest): Promise<Bundled>;
  /** Deletes what objects have stored: those of these keys, or all of a home. @throws DoError UNAVAILABLE */
  forget(entry: Entry & { readonly home: string }, what: Forgotten): Promise<void>;
}

/** `keys` are of objects; `isWhole` says that they are all that there are. */
export interface Forgotten {
  readonly keys: readonly string[];
  readonly isWhole: boolean;
}

/** Room for one run. It is left by running, or by `leave()`. */
export interface Place {
  readonly queueMs: number;
  /** Runs a program to its end. A rejection means that the run was lost, and nothing else. */
  run(program: Program, host: GuestHost, stop: Stop): Promise<Report>;
  /** The same for a call of a saved function; `code` gives its module, when no isolate of it is warm. */
  call(program: FunctionProgram, host: FunctionHost, stop: Stop, code: () => Promise<string>): Promise<Report>;
  leave(): Promise<void>;
}

/** How a run is told to end. */
export interface Stop {
  /** The code is told, and has a moment left (`GRACE_MS`). */
  readonly asked: Promise<string>;
  /** The moment is over: what still runs is ended where that is possible. */
  readonly given: Promise<unknown>;
}
