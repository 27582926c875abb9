import { DoError } from "../../../sdk/src/errors.ts";

/** Who waits for a message of a queue. In memory: a wait does not outlive its caller. */
export class Waiting {
  readonly #most: number;
  readonly #byQueue = new Map<string, Set<() => void>>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Until the queue is looked at again for a reason, or the time is over. @throws DoError UNAVAILABLE when too many wait */
  async until(queue: string, ms: number): Promise<void> {
    if (this.#count >= this.#most) {
      throw new DoError("UNAVAILABLE", `Cannot wait for a message: ${this.#most} receives of this tenant wait already`, {
        reason: "WAITING",
        retryAfterMs: 1_000,
      });
    }
    const waiters = this.#byQueue.get(queue) ?? new Set();
    this.#byQueue.set(queue, waiters);
    this.#count++;
    const { promise, resolve } = Promise.withResolvers<void>();
    waiters.add(resolve);
    const timer = setTimeout(resolve, ms);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      waiters.delete(resolve);
      if (waiters.size === 0 && this.#byQueue.get(queue) === waiters) this.#byQueue.delete(queue);
      this.#count--;
    }
  }

  /** Something may be there for them; the one that came first looks first. */
  wake(queue: string): void {
    for (const resolve of this.#byQueue.get(queue) ?? []) resolve();
  }
}
