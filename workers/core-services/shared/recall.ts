import { DurableObject } from "cloudflare:workers";

/** How long a call may be asked again. */
const KEEP_MS = 5 * 60 * 1_000;
const SWEEP_EVERY = 100;

type Method = (...args: unknown[]) => unknown;

/**
 * A Durable Object whose process may be ended under a call: one that is sent a second time, because nobody heard its
 * answer, changes nothing a second time. The answer is kept in the transaction of what was written, where the tenant's own
 * SQL cannot reach it.
 */
export abstract class RecallingObject<Env = Cloudflare.Env> extends DurableObject<Env> {
  #sinceSweep = 0;

  /** Calls a method once for each `callId` (a ULID). Its result must be plain data, and it must not be async. */
  recall(callId: string, method: string, args: readonly unknown[]): unknown {
    const { storage } = this.ctx;
    const key = `call:${callId}`;
    const known = storage.kv.get<{ answer: unknown }>(key);
    if (known) return known.answer;
    return storage.transactionSync(() => {
      const answer = (this as unknown as Record<string, Method>)[method]?.(...args);
      if (hasWritten(answer)) {
        storage.kv.put(key, { answer });
        this.#sweep(callId);
      }
      return answer;
    });
  }

  #sweep(callId: string): void {
    if (++this.#sinceSweep < SWEEP_EVERY) return;
    this.#sinceSweep = 0;
    const end = `call:${ulidBefore(callId)}`;
    const old = Array.from(this.ctx.storage.kv.list({ prefix: "call:", end }), ([key]) => key);
    for (const key of old) this.ctx.storage.kv.delete(key);
  }
}

/** SQL says how many rows it wrote; all else that is recalled writes. */
function hasWritten(answer: unknown): boolean {
  const meta = (answer as { meta?: { rowsWritten?: number } } | undefined)?.meta;
  return meta?.rowsWritten !== 0;
}

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The first ULID of the moment after which calls are still kept. */
function ulidBefore(ulid: string): string {
  const ms =
    ulid
      .slice(0, 10)
      .split("")
      .reduce((sum, digit) => sum * 32 + DIGITS.indexOf(digit), 0) - KEEP_MS;
  return Array.from({ length: 10 }, (_, i) => DIGITS[Math.floor(ms / 32 ** (9 - i)) % 32] ?? "0").join("");
}
