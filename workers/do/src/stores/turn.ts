import { DoError } from "../errors.ts";

const MOST_WAITING = 1_000;
const MOST_WAITING_OF_TENANT = 100;
const WAIT_MS = 30_000;

/** One at a time: those of a tenant in the order in which they came, and the tenants in turn. */
export class Turn {
  /** Who waits, by tenant; the tenant whose turn is next stands first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isTaken = false;

  /** @throws DoError UNAVAILABLE when it does not come */
  async take<T>(tenant: string, run: () => Promise<T>): Promise<T> {
    if (this.#isTaken) await this.#wait(tenant);
    this.#isTaken = true;
    try {
      return await run();
    } finally {
      this.#pass();
    }
  }

  /** From hand to hand: were it free in between, somebody who just came would have it beside the one who waited. */
  #pass(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#isTaken = false;
      return;
    }
    const [tenant, [go, ...rest]] = next;
    this.#waiting.delete(tenant);
    if (rest.length > 0) this.#waiting.set(tenant, rest);
    go?.();
  }

  async #wait(tenant: string): Promise<void> {
    const own = this.#waiting.get(tenant) ?? [];
    const all = [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
    if (own.length >= MOST_WAITING_OF_TENANT || all >= MOST_WAITING) throw busy();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(tenant, [...own, resolve]);
    const timer = setTimeout(() => {
      const left = this.#waiting.get(tenant) ?? [];
      // The turn was given to it already.
      if (!left.includes(resolve)) return;
      const others = left.filter((go) => go !== resolve);
      if (others.length > 0) this.#waiting.set(tenant, others);
      else this.#waiting.delete(tenant);
      reject(busy());
    }, WAIT_MS);
    await promise.finally(() => clearTimeout(timer));
  }
}

function busy(): DoError {
  return new DoError("UNAVAILABLE", "Cannot run SQL now: other statements keep the store busy", {
    reason: "STORE_BUSY",
    retryAfterMs: 1_000,
  });
}
