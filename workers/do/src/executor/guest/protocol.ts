import type { Limits, ServiceName } from "../../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../../sdk/src/values.ts";
import type { GuestLog } from "./console.ts";

/** The modules of the harness that are there only for code that can use them. */
export interface Support {
  /** The code looks at its clock, since nothing outside can stop it. */
  guard: boolean;
  console: boolean;
  respond: boolean;
  /** The code names fetch. */
  network: boolean;
  /** The input has types beside its JSON. */
  types: boolean;
}

/** What the harness is called with, beside the host. It holds nothing that the code may not see. */
export interface GuestJob {
  /** JSON text; empty for none. */
  input: string;
  inputTypes: ValueTypes;
  services: readonly ServiceName[];
  limits: Limits;
  captureConsole: boolean;
  /** Whether each log is also written to the process's output at once: what a killed process said is found there. */
  mirrorLogs: boolean;
  support: Support;
}

/** Logs in order; `from` is the index of the first, so that what is sent twice counts once. */
export interface LogBatch {
  from: number;
  entries: GuestLog[];
}

/** What the code asks of the network; the host decides. */
export interface GuestRequest {
  url: string;
  method: string;
  headers: [name: string, value: string][];
  body?: Uint8Array | undefined;
  redirect: "follow" | "manual";
}

export interface GuestResponse {
  url: string;
  redirected: boolean;
  status: number;
  headers: [name: string, value: string][];
  body: ReadableStream<Uint8Array> | null;
}

/** The host as the isolate sees it: three names, which a test compares with what there is. */
export interface GuestHost {
  /** The self-binding, limited to what this execution was granted. */
  readonly DO: Record<string, unknown>;
  log(batch: LogBatch): Promise<void>;
  request(request: GuestRequest): Promise<GuestResponse>;
}

/** What runs the isolate, in the same process: one name. */
export interface GuestStop {
  /** Settles when the run must stop, or is over. */
  stopped(): Promise<string>;
}

/**
 * The harness answers one string, for no string is a thenable: a line of JSON, then the JSON of the result. Objects
 * could be made to lie by a `then` on Object.prototype. All of it is the guest's word; the host checks each member.
 */
export type EnvelopeHead =
  | { ok: true; types: ValueTypes; hasValue: boolean; cpuMs: number }
  | { ok: false; error: GuestError; cpuMs: number; isNotLoaded?: boolean }
  | { ok: false; resultBytes: number; cpuMs: number };

export interface GuestError {
  name: string;
  message: string;
  stack: string;
}

/** What the guard says on its way out, after this mark, as JSON. */
export const CPU_MARK = "do:cpu-exceeded:";

export interface CpuExceeded {
  spentMs: number;
  logs: LogBatch;
  stack: string;
}

/** An execution keeps this many logs at most, however short they are. */
export const MAX_LOG_ENTRIES = 10_000;

/** How long code may go on after `signal` is aborted, to clean up. */
export const GRACE_MS = 50;
