import { take, type Rate, type RateState } from "../../auth/gcra.ts";

/** Keys come from requests: what is kept of them is bounded. */
const MAX_RATE_KEYS = 20_000;

export interface RateAsked extends Rate {
  readonly name: string;
  readonly key: string;
  readonly cost: number;
}

export interface RateAnswer {
  readonly allowed: boolean;
  readonly retryAfterMs: number;
  readonly state: RateState;
}

/** Counts by key. In memory: after a restart each begins anew. */
export class RateLimiter {
  readonly #tats = new Map<string, number>();

  take({ name, key, limit, windowMs, cost }: RateAsked, nowMs: number): RateAnswer {
    const { admitted, tatMs, remaining, resetMs, retryAfterMs } = take({ limit, windowMs }, this.#tats.get(key) ?? 0, cost, nowMs);
    if (admitted && cost > 0) {
      // Last used, last forgotten.
      this.#tats.delete(key);
      this.#tats.set(key, tatMs);
      if (this.#tats.size > MAX_RATE_KEYS) this.#forget(nowMs);
    }
    return {
      allowed: admitted,
      retryAfterMs,
      state: { name, limit, windowSeconds: windowMs / 1_000, remaining, resetSeconds: Math.ceil(resetMs / 1_000) },
    };
  }

  reset(key: string): boolean {
    return this.#tats.delete(key);
  }

  #forget(nowMs: number): void {
    for (const [key, tatMs] of this.#tats) if (tatMs <= nowMs) this.#tats.delete(key);
    for (const key of this.#tats.keys()) {
      if (this.#tats.size <= MAX_RATE_KEYS) return;
      this.#tats.delete(key);
    }
  }
}
