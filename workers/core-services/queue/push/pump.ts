import { toDoError } from "../../../../sdk/src/errors.ts";
import type { Background } from "../../shared/background.ts";
import type { Backoff, QueueRecord } from "../engine/book.ts";
import type { Delivered } from "../engine/deliver.ts";
import type { Engine } from "../engine/engine.ts";
import { CONSUMER_LIMITS } from "../limits.ts";
import { batchMessage } from "../view.ts";
import type { Consumer } from "./consumer.ts";
import { deliver, isLater, isRefused } from "./targets.ts";
import type { Verdict } from "./verdict.ts";

export interface PumpDeps {
  readonly engine: Engine;
  /** All of it or nothing, on disk before anything leaves. */
  readonly whole: <T>(write: () => T) => T;
  readonly background: (consumer: Consumer, queue: string) => Background;
  readonly now: () => number;
  /** Somebody may look at this queue again. */
  readonly changed: (queue: string) => void;
}

/** How a consumer fares. In memory: after a restart it is tried at once. */
interface Health {
  failures: number;
  lastError: string | undefined;
  pausedUntilMs: number;
}

interface Taken {
  readonly delivered: readonly Delivered[];
  readonly consumer: Consumer;
  readonly leaseMs: number;
}

const A_MOMENT_MS = 1_000;

/** Takes batches out of queues that have a consumer, hands them over, and does what the consumer says. */
export class Pump {
  readonly #deps: PumpDeps;
  readonly #running = new Map<number, number>();
  readonly #health = new Map<number, Health>();
  readonly #deliveries = new Set<Promise<void>>();
  #wake = Promise.withResolvers<void>();

  constructor(deps: PumpDeps) {
    this.#deps = deps;
  }

  healthOf(queue: QueueRecord): { failures: number; lastError?: string } {
    const { failures = 0, lastError } = this.#health.get(queue.id) ?? {};
    return { failures, ...(lastError === undefined ? {} : { lastError }) };
  }

  /** A new consumer, or none. */
  reset(queue: QueueRecord): void {
    this.#health.delete(queue.id);
    this.wake();
  }

  wake(): void {
    this.#wake.resolve();
  }

  /**
   * Works until nothing is handed out, or the time is over. While it runs, what is new is heard by `wake()`.
   * @returns when there will be something to do again
   */
  async run(untilMs: number): Promise<number | undefined> {
    for (;;) {
      this.#wake = Promise.withResolvers();
      const nextMs = this.#start();
      if (this.#deliveries.size === 0 || this.#deps.now() >= untilMs) return nextMs;
      const waitMs = Math.max(1, Math.min(nextMs ?? untilMs, untilMs) - this.#deps.now());
      const { promise: timeIsOver, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, waitMs);
      // oxlint-disable-next-line no-await-in-loop -- until something happens
      await Promise.race([...this.#deliveries, this.#wake.promise, timeIsOver]);
      clearTimeout(timer);
    }
  }

  /** Hands out all that may be handed out now. */
  #start(): number | undefined {
    const times = this.#deps.engine.core.book.withConsumer().flatMap((queue) => this.#startFor(queue) ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  #startFor(queue: QueueRecord): number | undefined {
    const { consumer } = queue;
    if (!consumer || consumer.stoppedBecause !== undefined || queue.paused) return undefined;
    for (;;) {
      if ((this.#running.get(queue.id) ?? 0) >= consumer.concurrency) return undefined;
      const nowMs = this.#deps.now();
      const pausedUntilMs = this.#health.get(queue.id)?.pausedUntilMs ?? 0;
      if (pausedUntilMs > nowMs) return pausedUntilMs;
      const taken = this.#deps.whole(() => this.#take(queue, consumer, nowMs));
      if (typeof taken !== "object") return taken;
      const delivery = this.#deliver(queue, taken).finally(() => {
        this.#deliveries.delete(delivery);
        this.#running.set(queue.id, (this.#running.get(queue.id) ?? 1) - 1);
        this.wake();
      });
      this.#deliveries.add(delivery);
      this.#running.set(queue.id, (this.#running.get(queue.id) ?? 0) + 1);
    }
  }

  /** A batch, or when there may be one. */
  #take(queue: QueueRecord, consumer: Consumer, nowMs: number): Taken | number | undefined {
    const { core, delivery } = this.#deps.engine;
    core.settle(queue, nowMs);
    const messages = core.messages(queue);
    const ready = messages.next(consumer.batchSize);
    const changeMs = messages.nextChangeMs();
    if (ready.length === 0) return changeMs;
    const fullMs = Math.min(...ready.map(({ visible_ms }) => visible_ms)) + consumer.batchWaitMs;
    if (ready.length < consumer.batchSize && fullMs > nowMs) return Math.min(fullMs, changeMs ?? fullMs);
    const leaseMs = Math.max(CONSUMER_LIMITS.leaseMs, queue.config.visibilityTimeoutSeconds * 1_000);
    const delivered = delivery.receive(queue, consumer.batchSize, leaseMs, nowMs, CONSUMER_LIMITS.batchBytes);
    return delivered.length > 0 ? { delivered, consumer, leaseMs } : changeMs;
  }

  async #deliver(queue: QueueRecord, { delivered, consumer, leaseMs }: Taken): Promise<void> {
    const batch = { queue: queue.name, messages: delivered.map(batchMessage) };
    const beating = setInterval(() => this.#extend(queue, delivered, leaseMs), CONSUMER_LIMITS.beatMs);
    try {
      const verdict = await deliver(consumer.target, this.#deps.background(consumer, queue.name), batch);
      this.#settle(queue, delivered, verdict);
      this.#health.delete(queue.id);
    } catch (error) {
      this.#failed(queue, consumer, delivered, error);
    } finally {
      clearInterval(beating);
    }
    this.#deps.changed(queue.name);
  }

  /** While this process lives and its consumer works, nobody else gets the batch. */
  #extend(queue: QueueRecord, delivered: readonly Delivered[], leaseMs: number): void {
    this.#write(queue, (current, nowMs) => void this.#deps.engine.delivery.extend(current, receiptsOf(delivered), leaseMs, nowMs));
  }

  #settle(queue: QueueRecord, delivered: readonly Delivered[], { retry }: Verdict): void {
    this.#write(queue, (current, nowMs) => {
      const again = new Map(retry.map((one) => [one.id, one]));
      const done = delivered.filter(({ row }) => !again.has(row.id));
      if (done.length > 0) this.#deps.engine.delivery.ack(current, receiptsOf(done), nowMs);
      for (const one of delivered) {
        const asked = again.get(one.row.id);
        if (asked) this.#retry(current, [one], asked.delaySeconds, asked.why ?? "its consumer asked for another try", nowMs);
      }
    });
  }

  #failed(queue: QueueRecord, consumer: Consumer, delivered: readonly Delivered[], error: unknown): void {
    const known = toDoError(error);
    const message = (error instanceof Error ? error.message : "it failed").slice(0, 1_000);
    const { failures = 0 } = this.#health.get(queue.id) ?? {};
    const { delivery, core } = this.#deps.engine;
    this.#write(queue, (current, nowMs) => {
      if (isRefused(error)) {
        delivery.giveBack(current, receiptsOf(delivered), nowMs);
        // Another may have subscribed meanwhile.
        if (current.consumer?.subscribedMs === consumer.subscribedMs) {
          core.book.change(current, { consumer: { ...consumer, stoppedBecause: message } }, nowMs);
        }
        return;
      }
      if (isLater(error)) {
        delivery.giveBack(current, receiptsOf(delivered), nowMs);
        this.#health.set(queue.id, {
          failures,
          lastError: message,
          pausedUntilMs: nowMs + Math.max(known?.retryAfterMs ?? A_MOMENT_MS, 50),
        });
        return;
      }
      const delaySeconds = known?.retryAfterMs === undefined ? undefined : known.retryAfterMs / 1_000;
      this.#retry(current, delivered, delaySeconds, message, nowMs);
      const pauseMs = failures === 0 ? 0 : Math.min(A_MOMENT_MS * 2 ** (failures - 1), CONSUMER_LIMITS.mostPauseMs);
      this.#health.set(queue.id, { failures: failures + 1, lastError: message, pausedUntilMs: nowMs + pauseMs });
    });
  }

  #retry(queue: QueueRecord, delivered: readonly Delivered[], delaySeconds: number | undefined, why: string, nowMs: number): void {
    const delayMs = (_receipt: string, attempts: number) =>
      delaySeconds === undefined ? backoffMs(queue.config.backoff, attempts) : delaySeconds * 1_000;
    this.#deps.engine.delivery.retry(queue, receiptsOf(delivered), delayMs, why, nowMs);
  }

  /** On the queue as it is now; nothing when it is gone. */
  #write(queue: QueueRecord, write: (current: QueueRecord, nowMs: number) => void): void {
    this.#deps.whole(() => {
      const current = this.#deps.engine.core.book.find(queue.name);
      if (current?.id === queue.id) write(current, this.#deps.now());
    });
  }
}

function receiptsOf(delivered: readonly Delivered[]): string[] {
  return delivered.map(({ receipt }) => receipt);
}

/** base × factor^(attempts - 1), at most max. */
export function backoffMs({ baseSeconds, factor, maxSeconds }: Backoff, attempts: number): number {
  return Math.round(Math.min(baseSeconds * factor ** (attempts - 1), maxSeconds) * 1_000);
}
