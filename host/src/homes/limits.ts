/** Numbers of the homes. Each has a row in docs/limits.md. */
export const HOME_LIMITS = {
  /** Processes at a time, and those beyond for calls that another call waits for. */
  homes: 8,
  nestedHomes: 4,
  /** How long a call waits for a process when all are busy. */
  waitMs: 10_000,
  waiting: 1_000,
  /** Of one function's objects at a time. */
  calls: 256,
  /** Of one function's objects that are in memory, and how long one is after a call: workerd lets it go after ten seconds. */
  objects: 1_000,
  objectMs: 15_000,
  /** Memory that the runtime takes for each. */
  objectKb: 512,
  /** A home that nobody calls is ended after this. */
  idleMs: 60_000,
  /** All that the objects of one function store. */
  storedMb: 1_024,
  /** How often that is looked at, while they are called. */
  measureEveryMs: 1_000,
  /** How often a process that has calls is asked whether its thread is free. */
  pingEveryMs: 100,
  /** How long a process that lost a call is asked whether it is there, and its end is waited for. */
  endMs: 1_000,
  /** CPU time beyond that of a call in which the code is to end itself, before its process is ended. */
  graceCpuMs: 200,
  /** A home that uses more CPU time than this while nobody calls it is ended. */
  restMs: 500,
  /** Files that are open at a time: three for each object that was called in the last ten seconds, and three of ours. */
  openFiles: 16_384,
} as const;
