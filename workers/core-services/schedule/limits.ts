/** Numbers of schedule. Each has a row in docs/limits.md. */
export const SCHEDULE_LIMITS = {
  tasks: 20_000,
  /** A task as JSON, with its code and input. */
  taskBytes: 262_144,
  /** Runs of one task that wait for one another. */
  buffered: 1_000,
  /** Occurrences of one backfill. */
  backfill: 1_000,
  /** Occurrences of one task that a tick looks at, before it comes back for the rest. */
  occurrencesPerTick: 100,
  /** Tasks between two breaths of a tick, in which calls are answered. */
  tasksPerTurn: 200,
  /** Runs of a tenant at a time that are code, since the host's processes are shared. */
  codeInFlight: 32,
  /** Those that are calls of services, messages and requests. */
  callsInFlight: 512,
  /** Of a result, as JSON, that the history keeps. */
  resultBytes: 32_768,
  /** Of an error's message that the history keeps. */
  errorCharacters: 2_000,
  /** Ended runs that are kept: of a task, of a tenant, and for how long. */
  runsPerTask: 1_000,
  runsPerTenant: 100_000,
  keepMs: 30 * 24 * 60 * 60 * 1_000,
  /** Handed over again so often when the process that ran it was lost. */
  lost: 10,
  listItems: 1_000,
  waitMs: 30_000,
  nextItems: 100,
} as const;

export const TASK_LIMITS = {
  everyMsLeast: 1_000,
  /** 400 days. */
  everyMsMost: 400 * 24 * 60 * 60 * 1_000,
  jitterMs: 24 * 60 * 60 * 1_000,
  catchupWindowMsLeast: 10_000,
  catchupWindowMsMost: 366 * 24 * 60 * 60 * 1_000,
  attempts: 20,
  backoffMsLeast: 100,
  backoffMsMost: 24 * 60 * 60 * 1_000,
  maxAgeMs: 14 * 24 * 60 * 60 * 1_000,
  maxRuns: 1_000_000,
  skipNext: 100,
  patternCharacters: 256,
  tags: 20,
} as const;

/** Of a task that does not say. */
export const TASK_DEFAULTS = {
  catchupWindowMs: 24 * 60 * 60 * 1_000,
  attempts: 1,
  backoffMs: 1_000,
  maxBackoffMs: 60 * 60 * 1_000,
  maxAgeMs: 24 * 60 * 60 * 1_000,
} as const;

export const CLOCK_LIMITS = {
  /** The alarm is never further away, so that a clock that jumps ahead is noticed. */
  guardMs: 60_000,
  /** The same while something runs, so that a lost process is noticed. */
  heartbeatMs: 5_000,
  /** An alarm that has not come so long after its time is set anew. */
  overdueMs: 10_000,
  /** A clock that goes back by more has been put right, and each task's next time is found anew (as cron(8) has it). */
  backMs: 3 * 60 * 60 * 1_000,
  /** A run that starts later than this after its time was missed, and is caught up. */
  onTimeMs: 60_000,
} as const;
