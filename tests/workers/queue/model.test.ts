import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DoError } from "../../../sdk/src/errors.ts";
import type { Engine } from "../../../workers/core-services/queue/engine/engine.ts";
import { QueueModel, type Looked, type Settings } from "../../support/queue-model.ts";
import { withEngine } from "./support.ts";

const RUNS = 400;
const OPERATIONS = 120;

/** A queue that keeps its dead, one that sends them away, and the same of FIFO. */
const QUEUES: Record<string, Settings> = {
  graves: { type: "standard", maxRetries: 3, retentionMs: 300_000, dedupMs: 60_000, deadLetterQueue: undefined },
  work: { type: "standard", maxRetries: 1, retentionMs: 200_000, dedupMs: 60_000, deadLetterQueue: "graves" },
  "graves.fifo": { type: "fifo", maxRetries: null, retentionMs: 300_000, dedupMs: 60_000, deadLetterQueue: undefined },
  "work.fifo": { type: "fifo", maxRetries: 1, retentionMs: 200_000, dedupMs: 60_000, deadLetterQueue: "graves.fifo" },
  "alone.fifo": { type: "fifo", maxRetries: 0, retentionMs: 100_000, dedupMs: 60_000, deadLetterQueue: undefined },
};
const NAMES = Object.keys(QUEUES);

const name = fc.constantFrom(...NAMES);
/** Of the receipts or ids that there have been, counted from the newest. */
const picks = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 4 });
const message = fc.record({
  group: fc.constantFrom("a", "b", "c"),
  dedup: fc.option(fc.constantFrom("k1", "k2", "k3"), { nil: undefined, freq: 3 }),
  priority: fc.option(fc.nat({ max: 9 }), { nil: undefined }),
  delayMs: fc.constantFrom(0, 0, 0, 5_000, 40_000),
});
const someOperation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant("send" as const), name, messages: fc.array(message, { minLength: 1, maxLength: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("receive" as const),
      name,
      max: fc.integer({ min: 1, max: 5 }),
      leaseMs: fc.constantFrom(0, 1_000, 30_000, 500_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("ack" as const), name, picks }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("retry" as const), name, picks, delayMs: fc.constantFrom(0, 0, 10_000) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("extend" as const), name, picks, leaseMs: fc.constantFrom(0, 20_000, 43_200_000) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("giveBack" as const), name, picks }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant("pass" as const), ms: fc.constantFrom(0, 1, 1_000, 10_000, 31_000, 101_000) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("cancel" as const), name, pick: fc.nat({ max: 12 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("redrive" as const),
      name,
      max: fc.integer({ min: 1, max: 4 }),
      picks: fc.option(picks, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("pause" as const), name, paused: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("update" as const),
      name,
      maxRetries: fc.constantFrom(null, 0, 1, 5),
      retentionMs: fc.constantFrom(60_000, 200_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("look" as const), name }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("purge" as const), name: fc.constantFrom("work", "alone.fifo") }) },
);
type Operation = typeof someOperation extends fc.Arbitrary<infer O> ? O : never;

/** The same operation on the engine and on the model, and what each has answered. */
class Both {
  readonly #engine: Engine;
  readonly #model = new QueueModel();
  /** Of each queue, the newest first. */
  readonly #receipts = new Map<string, string[]>(NAMES.map((queue) => [queue, []]));
  readonly #ids: string[] = [];
  #nowMs = 1_000_000;

  constructor(engine: Engine, prefix: string) {
    this.#engine = engine;
    for (const [queue, { type, maxRetries, retentionMs, dedupMs, deadLetterQueue }] of Object.entries(QUEUES)) {
      engine.create(
        prefix + queue,
        {
          type,
          maxRetries,
          retentionSeconds: retentionMs / 1_000,
          dedupWindowSeconds: dedupMs / 1_000,
          deadLetterQueue: deadLetterQueue === undefined ? null : prefix + deadLetterQueue,
        },
        0,
      );
      this.#model.create(queue, { type, maxRetries, retentionMs, dedupMs, deadLetterQueue });
    }
    this.#prefix = prefix;
  }
  readonly #prefix: string;

  run(operation: Operation): void {
    if (operation.op === "pass") {
      this.#nowMs += operation.ms;
      return;
    }
    const [ours, wanted] = this.#answers(operation);
    // oxlint-disable-next-line vitest/no-standalone-expect -- it is called by the test alone
    expect(ours, JSON.stringify(operation)).toEqual(wanted);
  }

  /** Everything that is in every queue. */
  compare(): void {
    for (const queue of NAMES) this.run({ op: "look", name: queue });
  }

  #answers(operation: Exclude<Operation, { op: "pass" }>): [ours: unknown, wanted: unknown] {
    const { name: queueName } = operation;
    const queue = this.#engine.get(this.#prefix + queueName);
    const { delivery, letters, sender } = this.#engine;
    const now = this.#nowMs;
    switch (operation.op) {
      case "send":
        return this.#send(operation.name, operation.messages, sender);
      case "receive":
        return this.#receive(operation.name, operation.max, operation.leaseMs);
      case "ack": {
        const receipts = this.#picked(operation.name, operation.picks);
        return [delivery.ack(queue, receipts, now).ok, this.#model.ack(operation.name, receipts, now)];
      }
      case "retry": {
        const receipts = this.#picked(operation.name, operation.picks);
        return [
          delivery.retry(queue, receipts, () => operation.delayMs, "", now).ok,
          this.#model.retry(operation.name, receipts, operation.delayMs, now),
        ];
      }
      case "extend": {
        const receipts = this.#picked(operation.name, operation.picks);
        return [
          delivery.extend(queue, receipts, operation.leaseMs, now).ok,
          this.#model.extend(operation.name, receipts, operation.leaseMs, now),
        ];
      }
      case "giveBack": {
        const receipts = this.#picked(operation.name, operation.picks);
        return [delivery.giveBack(queue, receipts, now), this.#model.giveBack(operation.name, receipts, now)];
      }
      case "cancel": {
        const id = this.#ids.at(-1 - operation.pick) ?? "";
        return [this.#cancelled(operation.name, id), this.#model.cancel(operation.name, id, now)];
      }
      case "redrive": {
        const ids = operation.picks?.map((pick) => this.#ids.at(-1 - pick) ?? "");
        const { moved } = letters.redrive(queue, { ids, max: operation.max, to: undefined }, now);
        return [moved, this.#model.redrive(operation.name, ids, operation.max, now)];
      }
      case "pause":
        this.#engine.setPaused(queue.name, operation.paused, now);
        return [0, this.#model.pause(operation.name, operation.paused) ?? 0];
      case "update": {
        const { maxRetries, retentionMs } = operation;
        this.#engine.update(queue.name, { maxRetries, retentionSeconds: retentionMs / 1_000 }, now);
        return [0, this.#model.update(operation.name, { maxRetries, retentionMs }) ?? 0];
      }
      case "purge":
        return [this.#engine.purge(queue.name).purged, this.#model.purge(operation.name)];
      case "look":
        return this.#look(operation.name);
    }
  }

  #send(queueName: string, messages: Extract<Operation, { op: "send" }>["messages"], sender: Engine["sender"]): [unknown, unknown] {
    const isFifo = QUEUES[queueName]?.type === "fifo";
    const outgoing = messages.map(({ group, dedup, priority, delayMs }) => ({
      body: "x",
      types: null,
      attributes: null,
      bytes: 1,
      delaySeconds: isFifo ? undefined : delayMs / 1_000,
      groupId: isFifo ? group : undefined,
      dedupId: dedup,
      priority: isFifo ? undefined : priority,
    }));
    const results = sender.batch(this.#engine.get(this.#prefix + queueName), outgoing, "me", this.#nowMs);
    const ours = results.map((result) => ("id" in result ? result : { id: result.error.message, duplicate: false }));
    const wanted = messages.map(({ group, dedup, priority, delayMs }, i) => {
      const id = ours[i]?.id ?? "";
      const known = this.#model.send(
        queueName,
        { group: isFifo ? group : undefined, dedup, priority: isFifo ? undefined : priority, delayMs: isFifo ? 0 : delayMs },
        id,
        this.#nowMs,
      );
      if (known === undefined) this.#ids.push(id);
      return { id: known ?? id, duplicate: known !== undefined };
    });
    return [ours, wanted];
  }

  #receive(queueName: string, max: number, leaseMs: number): [unknown, unknown] {
    const delivered = this.#engine.delivery.receive(this.#engine.get(this.#prefix + queueName), max, leaseMs, this.#nowMs);
    const wanted = this.#model.receive(queueName, max, leaseMs, this.#nowMs);
    for (const { row, receipt } of delivered) {
      this.#model.gave(queueName, row.id, receipt);
      this.#receipts.get(queueName)?.push(receipt);
    }
    return [delivered.map(({ row: { id, attempts } }) => ({ id, attempts })), wanted];
  }

  #picked(queueName: string, which: readonly number[]): string[] {
    const receipts = this.#receipts.get(queueName) ?? [];
    return which.map((pick) => receipts.at(-1 - pick) ?? "none");
  }

  #cancelled(queueName: string, id: string): string {
    try {
      this.#engine.cancel(this.#engine.get(this.#prefix + queueName), id, this.#nowMs);
      return "cancelled";
    } catch (error) {
      if (error instanceof DoError) return error.code;
      throw error;
    }
  }

  #look(queueName: string): [unknown, unknown] {
    const queue = this.#engine.get(this.#prefix + queueName);
    const states = ["delayed", "inFlight", "ready", "dead"];
    const rows = this.#engine.peek(queue, -1, 1_000, this.#nowMs).map((row): Looked => [row.id, states[row.state] ?? "", row.attempts]);
    const { ready, delayed, inFlight, dead, bytes } = this.#engine.counts(queue, this.#nowMs);
    const looked = this.#model.look(queueName, this.#nowMs);
    const count = (state: string) => looked.filter(([, one]) => one === state).length;
    const letters = this.#engine.letters.list(queue, -1, 100, this.#nowMs).map(({ row }) => row.id);
    return [
      { rows, counts: [ready, delayed, inFlight, dead, bytes], letters },
      {
        rows: looked,
        counts: [count("ready"), count("delayed"), count("inFlight"), count("dead"), looked.length],
        letters: this.#model.letters(queueName, 100, this.#nowMs),
      },
    ];
  }
}

describe("queues and their model", () => {
  it(`do the same in ${RUNS} random sequences of all operations and steps of the clock`, { timeout: 120_000 }, () =>
    withEngine({}, (engine) => {
      let run = 0;
      const checked = { operations: 0 };
      fc.assert(
        fc.property(fc.array(someOperation, { minLength: 10, maxLength: OPERATIONS, size: "max" }), (operations) => {
          const both = new Both(engine, `r${run++}_`);
          for (const one of operations) both.run(one);
          both.compare();
          checked.operations += operations.length;
          for (const queue of NAMES) engine.delete(`r${run - 1}_${queue}`);
        }),
        { numRuns: RUNS },
      );
      expect(checked.operations).toBeGreaterThan(RUNS * 10);
    }),
  );
});
