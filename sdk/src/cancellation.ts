import { DoError } from "./errors.ts";

/** How long an abort waits for the server to end the execution before the caller hears of it anyway. */
const PATIENCE_MS = 3_000;

/** What an execution that can be cancelled tells and is told. */
export interface Cancellable {
  /** Once the server has named the execution, it can be cancelled there. */
  started(id: string): void;
  /** Aborted when there is no more waiting: whatever is still open must close. */
  readonly hangUp: AbortSignal;
}

/**
 * Runs `work`; an abort of `signal` becomes `cancel` of the execution, and `work` then gets its answer. A server that
 * does not react cannot keep the caller.
 */
export async function cancellable<T>(
  signal: AbortSignal | undefined,
  cancel: (id: string, hangUp: AbortSignal) => Promise<unknown>,
  work: (control: Cancellable) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw new DoError("CANCELLED", "The execution was cancelled before it was sent");
  const cancellation = new Cancellation(signal, cancel);
  try {
    return await Promise.race([work(cancellation), cancellation.givenUp]);
  } finally {
    cancellation.close();
  }
}

class Cancellation implements Cancellable {
  readonly givenUp: Promise<never>;
  readonly #hangUp = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #cancel: (id: string, hangUp: AbortSignal) => Promise<unknown>;
  #id: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(signal: AbortSignal | undefined, cancel: (id: string, hangUp: AbortSignal) => Promise<unknown>) {
    this.#signal = signal;
    this.#cancel = cancel;
    this.givenUp = new Promise((_resolve, reject) => {
      this.hangUp.addEventListener("abort", () => reject(givenUp()));
    });
    signal?.addEventListener("abort", this.#onAbort);
  }

  get hangUp(): AbortSignal {
    return this.#hangUp.signal;
  }

  started(id: string): void {
    this.#id = id;
    if (this.#signal?.aborted) this.#tell();
  }

  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }

  readonly #onAbort = (): void => {
    this.#timer = setTimeout(() => this.#hangUp.abort(), PATIENCE_MS);
    this.#tell();
  };

  #tell(): void {
    // Whether it worked shows in the answer; if none comes, patience ends.
    if (this.#id !== undefined) this.#cancel(this.#id, this.hangUp).catch(() => {});
  }
}

function givenUp(): DoError {
  return new DoError("CANCELLED", "Stopped waiting: the server has not said that the execution ended; it may run to its limit", {
    reason: "CANCEL_NOT_CONFIRMED",
  });
}
