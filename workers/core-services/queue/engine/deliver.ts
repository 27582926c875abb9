import { DoError } from "../../../../sdk/src/errors.ts";
import { newLease, parseReceipt, receiptOf, type Receipt } from "../ids.ts";
import type { QueueRecord } from "./book.ts";
import { isTriedOut, type Core } from "./core.ts";
import { DEAD, LEASED, type MessageHead, type MessageRow } from "./messages.ts";

export interface Delivered {
  row: MessageRow;
  receipt: string;
}

export type Failure = "INVALID" | "STALE" | "EXPIRED" | "TOO_LONG";

export interface Outcome {
  ok: number;
  failed: { receipt: string; reason: Failure; message: string }[];
}

/** A message that is answered for by who holds its last lease. */
type Held = MessageHead & { receipt: string };

const WHY: Record<Failure, string> = {
  INVALID: "it is no receipt of this queue",
  STALE: "the message is gone, or was delivered again since",
  EXPIRED: "its lease has run out",
  TOO_LONG: "a lease lasts at most 12 hours from when the message was received",
};

/** Gives messages out under leases, and takes the answers. */
export class Delivery {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** At most `max` messages, of each group at most one. Empty when the queue is paused. */
  receive(queue: QueueRecord, max: number, leaseMs: number, nowMs: number, maxBytes = this.#core.limits.receiveBytes): Delivered[] {
    this.#core.settle(queue, nowMs);
    if (queue.paused) return [];
    const { limits, book } = this.#core;
    const messages = this.#core.messages(queue);
    const next = messages.next(max);
    if (next.length === 0) return [];
    const room = limits.inFlight - messages.countWaiting(LEASED);
    if (room <= 0) {
      throw new DoError(
        "LIMIT_EXCEEDED",
        `Cannot receive from ${queue.name}: ${limits.inFlight} messages are in flight, acknowledge some`,
        {
          reason: "IN_FLIGHT",
          retryable: true,
          retryAfterMs: 1_000,
        },
      );
    }
    const lease = newLease();
    const rows = messages.lease(withinBytes(next.slice(0, room), maxBytes), lease, nowMs + leaseMs, nowMs);
    book.add(queue, { delivered: rows.length });
    if (rows.length > 0) this.#core.note(queue, "delivered", rows);
    return rows.map((row) => ({ row, receipt: receiptOf(row.id, lease) }));
  }

  ack(queue: QueueRecord, receipts: readonly string[], nowMs: number): Outcome {
    this.#core.settle(queue, nowMs);
    const parsed = new Map(receipts.map((text) => [text, parseReceipt(text)]));
    const removed = this.#core.messages(queue).removeHeld([...parsed.values()].filter((receipt) => receipt !== undefined));
    this.#core.removed(queue, removed);
    this.#core.book.add(queue, { acked: removed.length });
    const gone = new Set(removed.map(({ seq }) => seq));
    const failed = [...parsed].flatMap(([text, receipt]) =>
      receipt && gone.has(receipt.seq) ? [] : failure(text, receipt ? "STALE" : "INVALID"),
    );
    if (removed.length > 0) {
      this.#core.note(
        queue,
        "acked",
        [...parsed.values()]
          .filter((receipt) => receipt !== undefined && gone.has(receipt.seq))
          .map((receipt) => ({ id: receipt?.id ?? "" })),
      );
    }
    return { ok: removed.length, failed };
  }

  /** @param delayMsOf how long it waits for its next try, by how often it was tried */
  retry(
    queue: QueueRecord,
    receipts: readonly string[],
    delayMsOf: (receipt: string, attempts: number) => number,
    why: string,
    nowMs: number,
  ): Outcome {
    const { held, failed } = this.#held(queue, receipts, nowMs);
    const messages = this.#core.messages(queue);
    for (const { seq, id, grp, attempts, receipt } of held) {
      if (isTriedOut(queue, attempts)) {
        this.#core.die(queue, seq, why, nowMs);
        continue;
      }
      messages.delay(seq, nowMs + delayMsOf(receipt, attempts), nowMs);
      if (grp !== null) messages.rehead(grp);
      this.#core.note(queue, "retried", [{ id, attempts, detail: why }]);
    }
    this.#core.book.add(queue, { retried: held.length });
    return { ok: held.length, failed };
  }

  extend(queue: QueueRecord, receipts: readonly string[], leaseMs: number, nowMs: number): Outcome {
    const { held, failed } = this.#held(queue, receipts, nowMs);
    let ok = 0;
    for (const { seq, state, leased_ms, receipt } of held) {
      if (state !== LEASED) failed.push(failure(receipt, "EXPIRED"));
      else if (nowMs + leaseMs > (leased_ms ?? nowMs) + this.#core.limits.leaseSeconds * 1_000) failed.push(failure(receipt, "TOO_LONG"));
      else {
        this.#core.messages(queue).extend(seq, nowMs + leaseMs);
        ok++;
      }
    }
    // What ends now has ended.
    this.#core.settle(queue, nowMs);
    return { ok, failed };
  }

  /** Of deliveries that were not attempted: they do not count. */
  giveBack(queue: QueueRecord, receipts: readonly string[], nowMs: number): void {
    const { held } = this.#held(queue, receipts, nowMs);
    const messages = this.#core.messages(queue);
    for (const { seq, grp } of held) {
      messages.giveBack(seq, nowMs);
      if (grp !== null) messages.rehead(grp);
    }
    this.#core.book.add(queue, { delivered: -held.length });
  }

  /** The messages whose last lease these receipts are of, each once. */
  #held(queue: QueueRecord, receipts: readonly string[], nowMs: number): { held: Held[]; failed: Outcome["failed"] } {
    this.#core.settle(queue, nowMs);
    const parsed = new Map<string, Receipt | undefined>(receipts.map((text) => [text, parseReceipt(text)]));
    const found = this.#core.messages(queue).heads([...parsed.values()].flatMap((receipt) => receipt?.seq ?? []));
    const held: Held[] = [];
    const failed: Outcome["failed"] = [];
    for (const [text, receipt] of parsed) {
      const row = receipt && found.get(receipt.seq);
      const isHeld = row && row.id === receipt.id && row.lease === receipt.lease && row.state !== DEAD;
      if (isHeld) held.push({ ...row, receipt: text });
      else failed.push(failure(text, receipt ? "STALE" : "INVALID"));
    }
    return { held, failed };
  }
}

function failure(receipt: string, reason: Failure): Outcome["failed"][number] {
  return { receipt, reason, message: WHY[reason] };
}

/** As many of the first as fit, and always one. */
function withinBytes(next: readonly { seq: number; size: number }[], bytes: number): number[] {
  let sum = 0;
  const end = next.findIndex(({ size }) => (sum += size) > bytes);
  return next.slice(0, end === -1 ? next.length : Math.max(1, end)).map(({ seq }) => seq);
}
