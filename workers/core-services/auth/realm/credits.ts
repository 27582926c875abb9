import type { Credits } from "../schema/keys.ts";

interface Row extends Record<string, SqlStorageValue> {
  lineage: string;
  remaining: number;
  refill_amount: number | null;
  refill_interval_ms: number | null;
  refilled_ms: number;
}

/** How often keys may still be used, for keys that have such a number. On disk before the answer goes out. */
export class CreditStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(lineage: string): Credits | undefined {
    const row = this.#row(lineage);
    if (!row) return undefined;
    const { remaining, refill_amount: amount, refill_interval_ms: intervalMs } = row;
    return { remaining, ...(amount === null || intervalMs === null ? {} : { refill: { amount, intervalMs } }) };
  }

  set(lineage: string, { remaining, refill }: Credits, nowMs: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO credits VALUES (?, ?, ?, ?, ?)",
      lineage,
      remaining,
      refill?.amount ?? null,
      refill?.intervalMs ?? null,
      nowMs,
    );
  }

  remove(lineage: string): void {
    this.#sql.exec("DELETE FROM credits WHERE lineage = ?", lineage);
  }

  /** What would be left, were `cost` spent now; undefined for a key without credits. Writes nothing. */
  leftAfter(lineage: string, cost: number, nowMs: number): number | undefined {
    const row = this.#row(lineage);
    return row && this.#refilled(row, nowMs).remaining - cost;
  }

  spend(lineage: string, cost: number, nowMs: number): void {
    const row = this.#row(lineage);
    if (!row) return;
    const { remaining, refilledMs } = this.#refilled(row, nowMs);
    this.#sql.exec("UPDATE credits SET remaining = ?, refilled_ms = ? WHERE lineage = ?", remaining - cost, refilledMs, lineage);
  }

  /** A refill sets, and does not add: what was not used is not saved up. */
  #refilled({ remaining, refill_amount: amount, refill_interval_ms: intervalMs, refilled_ms: refilledMs }: Row, nowMs: number) {
    if (amount === null || intervalMs === null) return { remaining, refilledMs };
    const passed = Math.floor((nowMs - refilledMs) / intervalMs);
    return passed < 1 ? { remaining, refilledMs } : { remaining: amount, refilledMs: refilledMs + passed * intervalMs };
  }

  #row(lineage: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM credits WHERE lineage = ?", lineage).toArray()[0];
  }
}
