import type { ExecutionError } from "../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../sdk/src/values.ts";
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
  | { kind: "result-too-large"; resultBytes: number };

export interface Report {
  ending: Ending;
  compileMs: number;
  /** The guest's own estimate in one process; measured by the operating system where executors are processes. */
  cpuMs: number;
}

/**
 * What runs isolates. In one process it is the process itself (`InProcessExecutor`); where executions can be killed, a
 * pool of processes. The same tests must hold for both.
 */
export interface Executor {
  /** Runs a program to its end. A rejection means that the run was lost, and nothing else. */
  run(program: Program, host: GuestHost): Promise<Report>;
}
