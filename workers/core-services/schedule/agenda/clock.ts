import { CLOCK_LIMITS } from "../limits.ts";

/**
 * Notices a clock that was put back by hours: what was planned by the wrong clock is then planned anew. A smaller step
 * back changes nothing: each time comes once, and waits until the clock has caught up (the rule of cron(8)).
 */
export class Clock {
  readonly #sql: SqlStorage;
  #seenMs: number;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#seenMs = sql.exec<{ seen_ms: number }>("SELECT seen_ms FROM clock").toArray()[0]?.seen_ms ?? 0;
  }

  /** @returns whether the clock was put back since it was last looked at */
  wentBack(nowMs: number): boolean {
    const wentBack = nowMs < this.#seenMs - CLOCK_LIMITS.backMs;
    // Written seldom: what matters are hours.
    if (wentBack || nowMs > this.#seenMs + CLOCK_LIMITS.guardMs) {
      this.#sql.exec("INSERT OR REPLACE INTO clock VALUES (1, ?)", nowMs);
      this.#seenMs = nowMs;
    }
    return wentBack;
  }
}
