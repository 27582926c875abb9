import { DoError } from "../../../../sdk/src/errors.ts";
import { seqOf } from "../ids.ts";
import { DEFAULT_CONFIG, type Config, type QueueRecord, type Totals } from "./book.ts";
import { Core, type EngineOptions } from "./core.ts";
import { DeadLetters } from "./dead.ts";
import { Delivery } from "./deliver.ts";
import { DELAYED, LEASED, type MessageRow } from "./messages.ts";
import { Sender } from "./send.ts";

export interface Counts {
  ready: number;
  delayed: number;
  inFlight: number;
  dead: number;
  bytes: number;
  oldestAgeMs: number | null;
  totals: Totals;
}

/** The rules of a tenant's queues. Time is an argument; whoever calls brings the transaction. */
export class Engine {
  readonly core: Core;
  readonly sender: Sender;
  readonly delivery: Delivery;
  readonly letters: DeadLetters;
  readonly #sql: SqlStorage;

  constructor(options: EngineOptions) {
    this.#sql = options.sql;
    this.core = new Core(options);
    this.sender = new Sender(this.core);
    this.delivery = new Delivery(this.core);
    this.letters = new DeadLetters(this.core);
  }

  get(name: string): QueueRecord {
    return this.core.book.get(name);
  }

  /** A queue that is there already, with what is asked for, is the answer. @throws DoError CONFLICT when it has something else */
  create(name: string, settings: Partial<Config>, nowMs: number): { queue: QueueRecord; created: boolean } {
    const { book, limits } = this.core;
    const type = settings.type ?? (name.endsWith(".fifo") ? "fifo" : "standard");
    const config = merged({ ...DEFAULT_CONFIG, type }, settings);
    if (name.endsWith(".fifo") && type !== "fifo") throw invalid(`Cannot create ${name}: only a FIFO queue is called so`, "NAME");
    const existing = book.find(name);
    if (existing) {
      const other = (Object.keys(settings) as (keyof Config)[]).find(
        (key) => settings[key] !== undefined && JSON.stringify(existing.config[key]) !== JSON.stringify(config[key]),
      );
      if (other === undefined && existing.config.type === type) return { queue: existing, created: false };
      throw new DoError("CONFLICT", `Cannot create ${name}: it exists, with another ${other ?? "type"}`, { reason: "QUEUE_EXISTS" });
    }
    if (book.count() >= limits.queues) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot create ${name}: a tenant has at most ${limits.queues} queues`, {
        reason: "QUEUES",
        retryable: false,
      });
    }
    this.#checkGrave(name, config);
    const queue = book.insert(name, config, nowMs);
    this.core.messages(queue).create();
    return { queue, created: true };
  }

  update(name: string, settings: Partial<Config>, nowMs: number): QueueRecord {
    const queue = this.get(name);
    const config = merged(queue.config, settings);
    if (settings.deadLetterQueue !== undefined) this.#checkGrave(name, config);
    this.core.forgetExpiry(queue);
    return this.core.book.change(queue, { config }, nowMs);
  }

  delete(name: string): { deleted: boolean } {
    const queue = this.core.book.find(name);
    if (!queue) return { deleted: false };
    this.core.messages(queue).drop();
    this.core.book.remove(queue);
    return { deleted: true };
  }

  /** Everything that is in it, also what is in flight or dead. */
  purge(name: string): { purged: number } {
    const queue = this.get(name);
    const { messages: count, bytes } = this.core.book.totals(queue);
    const messages = this.core.messages(queue);
    messages.drop();
    messages.create();
    this.core.book.add(queue, { messages: -count, bytes: -bytes });
    this.core.forgetExpiry(queue);
    this.core.note(queue, "purged", [{ detail: String(count) }]);
    return { purged: count };
  }

  setPaused(name: string, paused: boolean, nowMs: number): QueueRecord {
    const queue = this.get(name);
    return queue.paused === paused ? queue : this.core.book.change(queue, { paused }, nowMs);
  }

  message(queue: QueueRecord, id: string, nowMs: number): MessageRow {
    this.core.settle(queue, nowMs);
    const seq = seqOf(id);
    const row = seq === undefined ? undefined : this.core.messages(queue).row(seq);
    if (row?.id !== id) throw new DoError("NOT_FOUND", `There is no message ${id} in ${queue.name}`, { reason: "MESSAGE_NOT_FOUND" });
    return row;
  }

  /** @throws DoError NOT_FOUND, CONFLICT when it is in flight */
  cancel(queue: QueueRecord, id: string, nowMs: number): void {
    const row = this.message(queue, id, nowMs);
    if (row.state === LEASED) {
      throw new DoError("CONFLICT", `Cannot cancel ${id}: it is in flight, and who has it decides`, { reason: "IN_FLIGHT" });
    }
    this.core.removeRow(queue, row);
    this.core.note(queue, "cancelled", [{ id }]);
  }

  /** In the order in which they were sent. */
  peek(queue: QueueRecord, after: number, limit: number, nowMs: number): MessageRow[] {
    this.core.settle(queue, nowMs);
    return this.core.messages(queue).page(after, limit);
  }

  counts(queue: QueueRecord, nowMs: number): Counts {
    this.core.settle(queue, nowMs);
    const messages = this.core.messages(queue);
    const { messages: all, bytes, ...totals } = this.core.book.totals(queue);
    const [delayed, inFlight, dead] = [messages.countWaiting(DELAYED), messages.countWaiting(LEASED), messages.countDead()];
    const oldestMs = messages.oldestSentMs();
    return {
      ready: all - delayed - inFlight - dead,
      delayed,
      inFlight,
      dead,
      bytes,
      oldestAgeMs: oldestMs === undefined ? null : Math.max(0, nowMs - oldestMs),
      totals,
    };
  }

  /** @throws DoError LIMIT_EXCEEDED when nothing more may be stored */
  checkRoom(): void {
    const { storeBytes } = this.core.limits;
    if (this.#sql.databaseSize < storeBytes) return;
    throw new DoError("LIMIT_EXCEEDED", `Cannot send: the queues of a tenant store at most ${storeBytes} bytes`, {
      reason: "STORE_FULL",
      retryable: true,
      retryAfterMs: 10_000,
    });
  }

  #checkGrave(name: string, { deadLetterQueue, type }: Config): void {
    if (deadLetterQueue === null) return;
    const grave = this.core.book.find(deadLetterQueue);
    if (!grave)
      throw invalid(`Cannot use ${deadLetterQueue} as the dead letter queue of ${name}: there is no such queue`, "DEAD_LETTER_QUEUE");
    if (deadLetterQueue === name) throw invalid(`Cannot use ${name} as its own dead letter queue`, "DEAD_LETTER_QUEUE");
    if (grave.config.type !== type) {
      throw invalid(
        `Cannot use ${deadLetterQueue} as the dead letter queue of ${name}: one is a FIFO queue and the other is not`,
        "TYPES_DIFFER",
      );
    }
  }
}

/** What is said counts; undefined says nothing. */
function merged(config: Config, settings: Partial<Config>): Config {
  const said = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<Config>;
  return { ...config, ...said };
}

function invalid(message: string, reason: string): DoError {
  return new DoError("INVALID_ARGUMENT", message, { reason });
}
