import type { CapturedRequest, ExecutionError, LogEntry, Outcome, ServiceCall, Usage } from "../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../sdk/src/values.ts";
import type { OnceKey } from "../../../core-services/shared/once.ts";
import type { Principal } from "../principal.ts";

/** What is known when an execution starts. */
export interface BeginEntry {
  readonly id: string;
  readonly parentId: string | undefined;
  /** Why it runs, if nobody asked for it then: `queue:orders`. */
  readonly cause: string | undefined;
  readonly startedMs: number;
  /** When it must have ended: who waits for its answer waits no longer. */
  readonly deadlineMs: number;
  readonly principal: Principal;
  readonly language: "ts" | "js";
  readonly code: string;
  readonly codeHash: string;
  readonly input: string;
  readonly inputTypes: ValueTypes;
  readonly requestHash: string;
  readonly once: OnceKey | undefined;
  readonly cache: { readonly hash: string; readonly ttlSeconds: number } | undefined;
}

/** What is known when it has ended. */
export interface FinishEntry {
  readonly id: string;
  readonly endedMs: number;
  readonly outcome: Outcome;
  readonly usage: Usage;
  readonly logs: LogEntry[];
  readonly calls: ServiceCall[];
  /** With `captureFetch`. */
  readonly requests?: readonly CapturedRequest[] | undefined;
  readonly error: ExecutionError | undefined;
  readonly truncated: string[];
  /** The answer as JSON, for those who ask again by a key. */
  readonly answer: string | undefined;
}

/** Whether an execution must run, or its answer is known. */
export type Admission = { kind: "run" } | { kind: "answer"; answer: string; cacheHit: boolean };

/** A running execution, held by its record. */
export interface RunControl {
  cancel(): void;
  logs(): LogEntry[];
}

/** How long a tenant's executions are kept: the newest thousand, for at most a week. */
export const RETENTION = { executions: 1_000, ms: 7 * 24 * 60 * 60 * 1_000 } as const;

/** How long an idempotency key stands for its first request. */
export const IDEMPOTENCY_MS = 24 * 60 * 60 * 1_000;

/** Most answers that a tenant's cache holds; the ones that expire first leave first. */
export const MAX_CACHED_ANSWERS = 500;

/** A run that nobody missed is one row in one page: each page more is a tenth of a millisecond of its answer. */
export const CREATE_TABLES = `
  CREATE TABLE IF NOT EXISTS executions (
    id TEXT PRIMARY KEY, parent_id TEXT, state TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER,
    principal TEXT NOT NULL, language TEXT NOT NULL, request_hash TEXT NOT NULL, code_key TEXT NOT NULL,
    input_types TEXT NOT NULL, outcome TEXT, usage TEXT, cause TEXT
  ) STRICT, WITHOUT ROWID;
  DROP INDEX IF EXISTS executions_by_state;
  CREATE INDEX IF NOT EXISTS executions_running ON executions (id) WHERE state = 'running';
  CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, body_hash TEXT NOT NULL, execution_id TEXT NOT NULL, answered INTEGER NOT NULL, expires_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS cache (
    hash TEXT PRIMARY KEY, execution_id TEXT NOT NULL, expires_ms INTEGER NOT NULL
  ) STRICT;
`;
