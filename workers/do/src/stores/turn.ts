import { DoError } from "../errors.ts";

const MOST_WAITING = 1_000;
const WAIT_MS = 30_000;

/** One at a time, in the order in which they came. */
export class Turn {
  readonly #waiting: (() => void)[] = [];
  #isTaken = false;

  /** @throws DoError UNAVAILABLE when it does not come */
  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isTaken) await this.#wait();
    this.#isTaken = true;
    try {
      return await run();
    } finally {
      this.#isTaken = false;
      this.#waiting.shift()?.();
    }
  }

  async #wait(): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING) throw busy();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const go = () => resolve(true);
    this.#waiting.push(go);
    const timer = setTimeout(() => resolve(false), WAIT_MS);
    const isMine = await promise;
    clearTimeout(timer);
    if (isMine) {
      this.#isTaken = true;
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(go), 1);
    throw busy();
  }
}

function busy(): DoError {
  return new DoError("UNAVAILABLE", "Cannot run SQL now: other statements keep the store busy", {
    reason: "STORE_BUSY",
    retryAfterMs: 1_000,
  });
}
