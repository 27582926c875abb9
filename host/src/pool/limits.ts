/** Numbers of the pools. Each has a row in docs/limits.md. */
export const POOL_LIMITS = {
  /** How long an execution waits for a process. */
  waitMs: 10_000,
  waiting: 10_000,
  waitingPerTenant: 2_000,
  /** A process has had enough after so many runs. */
  runs: 2_000,
  /** An idle process above the least number is ended after this. */
  idleMs: 30_000,
  /** After a run its context is ended, and from here on another tenant may follow, once the thread answers. */
  settleMs: 5,
  pingMs: 1_000,
  /** Without anybody waiting for it, it is asked after this. */
  cleanAfterMs: 100,
  /** More CPU time than this, with nothing to run, is something that a run left. */
  restMs: 150,
  /** A run of more CPU time than this gives way to those that just began. */
  niceAfterMs: 20,
  /** The same for an ordinary user, who cannot take priority back: the process is ended after the run, which costs more. */
  niceForGoodAfterMs: 50,
  /** With 10, a run on a busy machine got less than 200 ms of CPU time in 5 s. */
  nice: 5,
  /** How long a lost connection may be ahead of the end of its process. */
  exitMs: 20,
  overdueMs: 2_000,
  bootingAtOnce: 4,
  backOffMs: 50,
  mostBackOffMs: 5_000,
} as const;
