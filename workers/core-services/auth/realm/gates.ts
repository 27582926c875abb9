import { take, type Rate, type RateState } from "../gcra.ts";

export interface Bucket extends Rate {
  /** What a caller sees of it: `principal`, `tenant`, or the name of a key's own limit. */
  readonly name: string;
  /** What it is counted under. */
  readonly key: string;
}

export interface RatesTaken {
  readonly admitted: boolean;
  readonly retryAfterMs: number;
  readonly states: RateState[];
}

/** Between a request and the disk: what a crash could make forgotten, and one write for all requests in it. */
export const FLUSH_MS = 500;
const MAX_BUCKETS = 20_000;
/** A holder that never comes back gives its place back by itself. */
const LEASE_SLACK_MS = 10_000;

/** Counts requests in time, and executions at a time, of one tenant and its principals. */
export class Gates {
  readonly #sql: SqlStorage;
  readonly #tats = new Map<string, number>();
  readonly #leases = new Map<string, Map<number, number>>();
  #nextLease = 1;
  readonly #dirty = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const { name, tat_ms: tatMs } of sql.exec<{ name: string; tat_ms: number }>("SELECT * FROM buckets")) this.#tats.set(name, tatMs);
  }

  /** Takes from all buckets or from none. */
  take(buckets: readonly Bucket[], cost: number, nowMs: number): RatesTaken {
    const taken = buckets.map((bucket) => ({ bucket, result: take(bucket, this.#tats.get(bucket.key) ?? 0, cost, nowMs) }));
    const admitted = taken.every(({ result }) => result.admitted);
    const states = taken.map(({ bucket, result }) => {
      // What the others refused was not taken here either.
      const { remaining, resetMs } = admitted || !result.admitted ? result : take(bucket, this.#tats.get(bucket.key) ?? 0, 0, nowMs);
      return {
        name: bucket.name,
        limit: bucket.limit,
        windowSeconds: bucket.windowMs / 1_000,
        remaining,
        resetSeconds: Math.ceil(resetMs / 1_000),
      };
    });
    if (admitted && cost > 0) {
      for (const { bucket, result } of taken) {
        this.#tats.set(bucket.key, result.tatMs);
        this.#dirty.add(bucket.key);
      }
      if (this.#tats.size > MAX_BUCKETS) this.#forgetEmpty(nowMs);
    }
    return { admitted, retryAfterMs: Math.max(0, ...taken.map(({ result }) => result.retryAfterMs)), states };
  }

  /** Puts back what was taken for something that turned out not to count. */
  giveBack({ key, limit, windowMs }: Bucket, cost: number): void {
    const tatMs = this.#tats.get(key);
    if (tatMs === undefined) return;
    this.#tats.set(key, tatMs - (cost * windowMs) / limit);
    this.#dirty.add(key);
  }

  /** Whether there is something that `flush` would write. */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  flush(nowMs: number): void {
    this.#sql.exec("DELETE FROM buckets WHERE tat_ms <= ?", nowMs);
    for (const name of this.#dirty) {
      const tatMs = this.#tats.get(name) ?? 0;
      if (tatMs > nowMs) this.#sql.exec("INSERT OR REPLACE INTO buckets VALUES (?, ?)", name, tatMs);
    }
    this.#dirty.clear();
    this.#forgetEmpty(nowMs);
  }

  #forgetEmpty(nowMs: number): void {
    for (const [name, tatMs] of this.#tats) if (tatMs <= nowMs) this.#tats.delete(name);
  }

  /** A place for one more under each key, or the key that has none left. */
  acquire(
    places: readonly { readonly key: string; readonly most: number }[],
    untilMs: number,
    nowMs: number,
  ): number | { full: string; most: number } {
    for (const { key, most } of places) {
      const held = this.#leases.get(key);
      for (const [lease, endsMs] of held ?? []) if (endsMs <= nowMs) held?.delete(lease);
      if ((held?.size ?? 0) >= most) return { full: key, most };
    }
    const lease = this.#nextLease++;
    for (const { key } of places) {
      const held = this.#leases.get(key) ?? new Map<number, number>();
      held.set(lease, untilMs + LEASE_SLACK_MS);
      this.#leases.set(key, held);
    }
    return lease;
  }

  release(lease: number): void {
    for (const [key, held] of this.#leases) {
      held.delete(lease);
      if (held.size === 0) this.#leases.delete(key);
    }
  }
}
