/** Signals that end a command, with the exit code by which a shell knows them. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Caught = keyof typeof EXIT_CODES;

export interface Interrupts {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Of the signal that came; undefined while none did. */
  readonly exitCode: number | undefined;
  release(): void;
}

/**
 * Holds the signals that end a process while something must be put in order first. Work under `signal` ends within
 * seconds whatever a server does, so a second signal has nothing to add.
 */
export function holdSignals(): Interrupts {
  const abort = new AbortController();
  let exitCode: number | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    exitCode ??= EXIT_CODES[name as Caught];
    abort.abort();
  };
  const names = Object.keys(EXIT_CODES) as Caught[];
  for (const name of names) process.on(name, onSignal);
  return {
    signal: abort.signal,
    get exitCode() {
      return exitCode;
    },
    release: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
