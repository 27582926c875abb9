import { DurableObject } from "cloudflare:workers";
import { backgroundOf } from "../shared/background.ts";
import { once, type OnceKey } from "../shared/once.ts";
import type { Config, QueueRecord } from "./engine/book.ts";
import type { RedriveCall } from "./engine/dead.ts";
import type { Delivered, Outcome } from "./engine/deliver.ts";
import { Engine, type Counts } from "./engine/engine.ts";
import type { MessageRow } from "./engine/messages.ts";
import type { Outgoing, Refusal, SentMessage } from "./engine/send.ts";
import { Following, type FollowedEvent } from "./following.ts";
import { QUEUE_LIMITS } from "./limits.ts";
import type { Consumer } from "./push/consumer.ts";
import { Pump } from "./push/pump.ts";
import { Waiting } from "./waiting.ts";

/** When a call was made, and the key under which it is done once. */
export interface Call {
  readonly nowMs: number;
  readonly once?: OnceKey | undefined;
}

/** A queue as it is described. */
export interface Described {
  queue: QueueRecord;
  health: { failures: number; lastError?: string };
}

export interface ReceiveCall {
  readonly max: number;
  readonly visibilityTimeoutSeconds: number | undefined;
  readonly waitMs: number;
}

/** An alarm is alive for fifteen minutes on Cloudflare. */
const RUN_MS = 600_000;
/** Between two looks at queues that only time changes, and that nobody waits for. */
const SWEEP_MS = 3_600_000;

/**
 * All queues of one tenant. One object, so that what moves between two of its queues (a dead letter, a redrive) moves in one
 * transaction and is never in both or in none. What an answer promises is on disk before the answer goes out.
 */
export class Queues extends DurableObject {
  readonly #engine: Engine;
  readonly #waiting = new Waiting(QUEUE_LIMITS.waiting);
  readonly #following = new Following();
  readonly #pump: Pump;
  #isPumping = false;
  /** The alarm that is set, as far as it is known. */
  #alarmMs: number | undefined;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#engine = new Engine({
      sql: ctx.storage.sql,
      limits: QUEUE_LIMITS,
      note: ({ name }, event, noted) => {
        if (this.#following.note(name, event, noted, Date.now())) this.#waiting.wake(`tail of ${name}`);
      },
    });
    this.#pump = new Pump({
      engine: this.#engine,
      whole: (write) => this.#whole(write),
      background: ({ sponsor }, queue) => backgroundOf(ctx, { sponsor, cause: { kind: "queue", name: queue } }),
      now: Date.now,
      changed: (queue) => this.#waiting.wake(queue),
    });
  }

  create(name: string, settings: Partial<Config>, { nowMs, once: key }: Call): Described {
    return this.#whole(() => {
      once(this.ctx.storage.sql, key, nowMs, () => this.#engine.create(name, settings, nowMs).created);
      return this.#described(this.#engine.get(name));
    });
  }
  update(name: string, settings: Partial<Config>, { nowMs }: Call): Described {
    const described = this.#whole(() => this.#described(this.#engine.update(name, settings, nowMs)));
    this.#changed(name, nowMs);
    return described;
  }
  delete(name: string): { deleted: boolean } {
    this.#following.forget(name);
    const deleted = this.#whole(() => this.#engine.delete(name));
    this.#waiting.wake(name);
    return deleted;
  }
  describe(name: string): Described {
    return this.#described(this.#engine.get(name));
  }
  list(after: string, limit: number): Described[] {
    return this.#engine.core.book.list(after, limit).map((queue) => this.#described(queue));
  }

  send(name: string, message: Outgoing, sender: string, { nowMs, once: key }: Call): SentMessage {
    const sent = this.#whole(() => {
      this.#engine.checkRoom();
      return once(this.ctx.storage.sql, key, nowMs, () => this.#engine.sender.send(this.#engine.get(name), message, sender, nowMs));
    });
    this.#changed(name, nowMs);
    return sent;
  }
  sendBatch(name: string, messages: readonly Outgoing[], sender: string, { nowMs, once: key }: Call): (SentMessage | Refusal)[] {
    const results = this.#whole(() => {
      this.#engine.checkRoom();
      return once(this.ctx.storage.sql, key, nowMs, () => this.#engine.sender.batch(this.#engine.get(name), messages, sender, nowMs));
    });
    this.#changed(name, nowMs);
    return results;
  }

  /** Waits for a message as long as it is told to. */
  async receive(name: string, call: ReceiveCall, { nowMs }: Call): Promise<Delivered[]> {
    // The caller's clock, going on.
    const startedMs = Date.now();
    const now = () => nowMs + Date.now() - startedMs;
    const untilMs = nowMs + call.waitMs;
    let delivered = this.#receive(name, call, nowMs);
    while (delivered.length === 0 && now() < untilMs) {
      const changeMs = this.#engine.core.messages(this.#engine.get(name)).nextChangeMs() ?? untilMs;
      // oxlint-disable-next-line no-await-in-loop -- until there is one
      await this.#waiting.until(name, Math.max(1, Math.min(changeMs, untilMs) - now()));
      delivered = this.#receive(name, call, now());
    }
    return delivered;
  }

  #receive(name: string, { max, visibilityTimeoutSeconds }: ReceiveCall, nowMs: number): Delivered[] {
    return this.#whole(() => {
      const queue = this.#engine.get(name);
      const leaseSeconds = visibilityTimeoutSeconds ?? queue.config.visibilityTimeoutSeconds;
      return this.#engine.delivery.receive(queue, max, leaseSeconds * 1_000, nowMs);
    });
  }

  ack(name: string, receipts: readonly string[], { nowMs }: Call): Outcome {
    return this.#answered(name, nowMs, (queue) => this.#engine.delivery.ack(queue, receipts, nowMs));
  }
  retry(name: string, receipts: readonly string[], delayMs: number, { nowMs }: Call): Outcome {
    return this.#answered(name, nowMs, (queue) =>
      this.#engine.delivery.retry(queue, receipts, () => delayMs, "it was given back to be tried again", nowMs),
    );
  }
  extend(name: string, receipts: readonly string[], leaseMs: number, { nowMs }: Call): Outcome {
    return this.#answered(name, nowMs, (queue) => this.#engine.delivery.extend(queue, receipts, leaseMs, nowMs));
  }

  get(name: string, id: string, { nowMs }: Call): MessageRow {
    return this.#whole(() => this.#engine.message(this.#engine.get(name), id, nowMs));
  }
  cancel(name: string, id: string, { nowMs }: Call): void {
    this.#whole(() => this.#engine.cancel(this.#engine.get(name), id, nowMs));
    this.#changed(name, nowMs);
  }
  peek(name: string, after: number, limit: number, { nowMs }: Call): MessageRow[] {
    return this.#whole(() => this.#engine.peek(this.#engine.get(name), after, limit, nowMs));
  }
  purge(name: string, { nowMs, once: key }: Call): { purged: number } {
    return this.#whole(() => once(this.ctx.storage.sql, key, nowMs, () => this.#engine.purge(name)));
  }
  setPaused(name: string, paused: boolean, { nowMs }: Call): Described {
    const described = this.#whole(() => this.#described(this.#engine.setPaused(name, paused, nowMs)));
    this.#changed(name, nowMs);
    return described;
  }

  letters(name: string, after: number, limit: number, { nowMs }: Call): MessageRow[] {
    return this.#whole(() => this.#engine.letters.list(this.#engine.get(name), after, limit, nowMs).map(({ row }) => row));
  }
  redrive(name: string, call: RedriveCall, { nowMs, once: key }: Call): { moved: number } {
    const moved = this.#whole(() =>
      once(this.ctx.storage.sql, key, nowMs, () => this.#engine.letters.redrive(this.#engine.get(name), call, nowMs)),
    );
    for (const { name: other } of this.#engine.core.book.list("", QUEUE_LIMITS.queues)) this.#waiting.wake(other);
    this.#work(nowMs);
    return moved;
  }
  stats(name: string, { nowMs }: Call): Counts & { rates: Record<"sent" | "delivered" | "acked", number> } {
    const counts = this.#whole(() => this.#engine.counts(this.#engine.get(name), nowMs));
    const rate = (event: "sent" | "delivered" | "acked") => this.#following.perMinute(name, event, nowMs);
    return { ...counts, rates: { sent: rate("sent"), delivered: rate("delivered"), acked: rate("acked") } };
  }

  subscribe(name: string, consumer: Consumer, { nowMs }: Call): Described {
    const queue = this.#whole(() => this.#engine.core.book.change(this.#engine.get(name), { consumer }, nowMs));
    this.#pump.reset(queue);
    this.#work(nowMs);
    return this.#described(queue);
  }
  unsubscribe(name: string, { nowMs }: Call): { unsubscribed: boolean } {
    const queue = this.#engine.get(name);
    if (!queue.consumer) return { unsubscribed: false };
    this.#pump.reset(this.#whole(() => this.#engine.core.book.change(queue, { consumer: null }, nowMs)));
    return { unsubscribed: true };
  }

  /** What happened since the cursor; waits for something as long as it is told to. */
  async follow(name: string, cursor: number | undefined, waitMs: number): Promise<{ events: FollowedEvent[]; cursor: number }> {
    this.#engine.get(name);
    const untilMs = Date.now() + waitMs;
    let read = this.#following.read(name, cursor, Date.now());
    const from = cursor ?? read.cursor;
    while (read.events.length === 0 && Date.now() < untilMs) {
      // oxlint-disable-next-line no-await-in-loop -- until something happens
      await this.#waiting.until(`tail of ${name}`, Math.max(1, untilMs - Date.now()));
      read = this.#following.read(name, from, Date.now());
    }
    return read;
  }

  override async alarm(): Promise<void> {
    this.#alarmMs = undefined;
    this.#isPumping = true;
    try {
      const nextMs = await this.#pump.run(Date.now() + RUN_MS);
      this.#sweep();
      this.#alarmAt(nextMs);
    } finally {
      this.#isPumping = false;
    }
  }

  /** What has been kept for long enough goes, also from queues that nobody calls. */
  #sweep(): void {
    const nowMs = Date.now();
    this.#whole(() => {
      for (const queue of this.#engine.core.book.list("", QUEUE_LIMITS.queues)) this.#engine.core.settle(queue, nowMs);
    });
    if (this.#engine.core.book.count() > 0) this.#alarmAt(nowMs + SWEEP_MS);
  }

  #answered(name: string, nowMs: number, answer: (queue: QueueRecord) => Outcome): Outcome {
    const outcome = this.#whole(() => answer(this.#engine.get(name)));
    this.#changed(name, nowMs);
    return outcome;
  }

  #described(queue: QueueRecord): Described {
    return { queue, health: this.#pump.healthOf(queue) };
  }

  /** All or nothing; what was remembered of a transaction that failed is forgotten. */
  #whole<T>(write: () => T): T {
    try {
      return this.ctx.storage.transactionSync(write);
    } catch (error) {
      this.#engine.core.forget();
      throw error;
    }
  }

  #changed(name: string, nowMs: number): void {
    this.#waiting.wake(name);
    if (this.#engine.core.book.find(name)?.consumer) this.#work(nowMs);
    else if (this.#alarmMs === undefined && !this.#isPumping) this.#alarmAt(nowMs + SWEEP_MS);
  }

  /** The alarm is set in the transaction of what there is to do: it outlives this process. */
  #work(nowMs: number): void {
    if (this.#isPumping) this.#pump.wake();
    this.#alarmAt(nowMs);
  }

  /** @param atMs the earliest wins */
  #alarmAt(atMs: number | undefined): void {
    if (atMs === undefined || (this.#alarmMs !== undefined && this.#alarmMs <= atMs)) return;
    this.#alarmMs = atMs;
    // One that is due in the very millisecond in which the last one ends is lost.
    void this.ctx.storage.setAlarm(Math.max(atMs, Date.now() + 1));
  }
}
