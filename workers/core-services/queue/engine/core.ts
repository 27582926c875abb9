import type { QueueLimits } from "../limits.ts";
import type { EVENTS } from "../shapes.ts";
import { Book, type QueueRecord } from "./book.ts";
import { LEASED, Messages, READY, type MessageRow } from "./messages.ts";

export type EventName = (typeof EVENTS)[number];

/** What happened to a message, or without an id to the queue. */
export interface Noted {
  readonly id?: string;
  readonly attempts?: number;
  readonly detail?: string;
}

export interface EngineOptions {
  readonly sql: SqlStorage;
  readonly limits: QueueLimits;
  /** Hears what happens, for who follows it. */
  readonly note: (queue: QueueRecord, event: EventName, noted: readonly Noted[]) => void;
}

/** What the parts of the engine have in common. Every part runs inside a transaction of whoever calls it. */
export class Core {
  readonly book: Book;
  readonly limits: QueueLimits;
  readonly note: EngineOptions["note"];
  readonly #sql: SqlStorage;
  readonly #tables = new Map<number, Messages>();
  /** When the oldest message of a queue ends by its retention; not there: it has to be found out. */
  readonly #expiries = new Map<number, number>();

  constructor({ sql, limits, note }: EngineOptions) {
    this.#sql = sql;
    this.book = new Book(sql);
    this.limits = limits;
    this.note = note;
  }

  messages(queue: QueueRecord): Messages {
    const known = this.#tables.get(queue.id);
    if (known) return known;
    const made = new Messages(this.#sql, queue.id, queue.config.type === "fifo");
    this.#tables.set(queue.id, made);
    return made;
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.book.forget();
    this.#expiries.clear();
  }

  forgetExpiry(queue: QueueRecord): void {
    this.#expiries.delete(queue.id);
  }

  /** Where the dead messages of a queue go, when that queue is there. */
  graveOf(queue: QueueRecord): QueueRecord | undefined {
    const { deadLetterQueue } = queue.config;
    return deadLetterQueue === null ? undefined : this.book.find(deadLetterQueue);
  }

  /** What time alone has changed: delays and leases that are over, what has been kept for long enough. */
  settle(queue: QueueRecord, nowMs: number): void {
    const messages = this.messages(queue);
    messages.endDelays(nowMs);
    const ended = messages.endedLeases(nowMs);
    if (ended.length > 0) {
      const isOver = ({ attempts }: { attempts: number }) => isTriedOut(queue, attempts);
      messages.makeReady(ended.map(({ seq }) => seq));
      for (const { grp } of ended) if (grp !== null) messages.rehead(grp);
      for (const { seq } of ended.filter(isOver)) this.die(queue, seq, "its lease ran out", nowMs);
    }
    this.#expire(queue, messages, nowMs);
  }

  /** To the dead letter queue, or apart in its own. */
  die(queue: QueueRecord, seq: number, reason: string, nowMs: number): void {
    const messages = this.messages(queue);
    const row = messages.row(seq);
    if (!row) return;
    const death = JSON.stringify({ atMs: nowMs, reason: reason.slice(0, 1_000), attempts: row.attempts });
    const grave = this.graveOf(queue);
    if (grave) {
      this.removeRow(queue, row);
      this.addRow(grave, { ...row, death, source: queue.name }, nowMs);
    } else {
      messages.bury(seq, death, queue.name, nowMs);
      if (row.grp !== null) messages.rehead(row.grp);
    }
    this.book.add(queue, { died: 1 });
    this.note(queue, "died", [{ id: row.id, attempts: row.attempts, detail: reason }]);
  }

  /** Puts a message of elsewhere into a queue, as new there, in its old place. */
  addRow(queue: QueueRecord, row: MessageRow, nowMs: number): void {
    const messages = this.messages(queue);
    const grp = queue.config.type === "fifo" ? row.grp : null;
    const head = grp !== null && messages.hasGroup(grp) ? 0 : 1;
    const fresh = { state: READY, visible_ms: nowMs, attempts: 0, lease: null, leased_ms: null, first_ms: null, kept_ms: nowMs };
    messages.insert([{ ...row, ...fresh, head, grp }]);
    if (grp !== null) messages.rehead(grp);
    this.book.add(queue, { messages: 1, bytes: row.size });
  }

  removeRow(queue: QueueRecord, { seq, grp, size }: Pick<MessageRow, "seq" | "grp" | "size">): void {
    this.removeRows(queue, [{ seq, grp, size }]);
  }

  removeRows(queue: QueueRecord, rows: readonly Pick<MessageRow, "seq" | "grp" | "size">[]): void {
    if (rows.length === 0) return;
    this.messages(queue).remove(rows.map(({ seq }) => seq));
    this.removed(queue, rows);
  }

  /** What follows from rows that are gone. */
  removed(queue: QueueRecord, rows: readonly Pick<MessageRow, "grp" | "size">[]): void {
    const messages = this.messages(queue);
    for (const group of new Set(rows.map(({ grp }) => grp))) if (group !== null) messages.rehead(group);
    this.book.add(queue, { messages: -rows.length, bytes: -rows.reduce((sum, { size }) => sum + size, 0) });
  }

  /** When the next message of the queue ends by its retention. */
  expiryMs(queue: QueueRecord): number | undefined {
    return this.#expiries.get(queue.id);
  }

  #expire(queue: QueueRecord, messages: Messages, nowMs: number): void {
    const known = this.#expiries.get(queue.id);
    if (known !== undefined && nowMs < known) return;
    const keepMs = queue.config.retentionSeconds * 1_000;
    const rows = messages.oldest();
    const isOver = ({ kept_ms, state }: (typeof rows)[number]) => kept_ms + keepMs <= nowMs && state !== LEASED;
    const over = rows.filter(isOver);
    this.removeRows(queue, over);
    this.book.add(queue, { expired: over.length });
    if (over.length > 0) this.note(queue, "expired", over);
    // Whatever comes later ends later: nothing has to be looked for before the first of these ends.
    const ends = rows.filter((row) => !isOver(row)).map(({ kept_ms }) => kept_ms + keepMs);
    this.#expiries.set(queue.id, ends.length > 0 ? Math.min(...ends) : nowMs + (over.length > 0 ? 0 : keepMs));
  }
}

/** Whether a message that was delivered so often gets no further try. */
export function isTriedOut({ config }: QueueRecord, attempts: number): boolean {
  return config.maxRetries !== null && attempts > config.maxRetries;
}
