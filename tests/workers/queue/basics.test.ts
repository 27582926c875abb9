import { describe, expect, it } from "vitest";
import { inTenant } from "../db/support.ts";
import { queueOf, withEngine } from "./support.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const PLAIN = {
  body: "x",
  types: null,
  attributes: null,
  bytes: 1,
  delaySeconds: undefined,
  groupId: undefined,
  dedupId: undefined,
  priority: undefined,
};

describe("queues", () => {
  it("answer for each receipt, also for two of one message", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    await queue.send("q", "x");
    const take = async () => (await queue.receive("q", { visibilityTimeoutSeconds: 0 })).messages[0]?.receipt ?? "";
    const [first, second] = [await take(), await take()];
    expect(await queue.ack("q", [first, second])).toMatchObject({ ok: 1, failed: [{ receipt: first, reason: "STALE" }] });
  });

  it("are made once, listed, changed, described and deleted", async () => {
    const { queue } = queueOf();
    const made = await queue.create("orders", { visibilityTimeoutSeconds: 5, maxRetries: 1 });
    expect(made).toMatchObject({
      name: "orders",
      type: "standard",
      visibilityTimeoutSeconds: 5,
      maxRetries: 1,
      retentionSeconds: 345_600,
      paused: false,
    });
    expect(await queue.create("orders", { maxRetries: 1 })).toEqual(made);
    await expect(queue.create("orders", { maxRetries: 2 })).rejects.toMatchObject({
      code: "CONFLICT",
      message: "Cannot create orders: it exists, with another maxRetries",
    });
    await queue.create("audit.fifo");
    expect((await queue.list()).items.map(({ name, type }) => [name, type])).toEqual([
      ["audit.fifo", "fifo"],
      ["orders", "standard"],
    ]);
    const page = await queue.list({ limit: 1 });
    expect([page.cursor, (await queue.list({ limit: 1, cursor: page.cursor })).items[0]?.name]).toEqual(["audit.fifo", "orders"]);
    expect(await queue.update("orders", { maxRetries: null })).toMatchObject({ maxRetries: null, visibilityTimeoutSeconds: 5 });
    expect(await queue.delete("orders")).toEqual({ deleted: true });
    expect(await queue.delete("orders")).toEqual({ deleted: false });
    await expect(queue.describe("orders")).rejects.toMatchObject({ code: "NOT_FOUND", reason: "QUEUE_NOT_FOUND" });
  });

  it("a dead letter queue must be there, of the same type, and another", async () => {
    const { queue } = queueOf();
    await queue.create("dead.fifo");
    for (const [deadLetterQueue, reason] of [
      ["nowhere", "DEAD_LETTER_QUEUE"],
      ["q", "DEAD_LETTER_QUEUE"],
      ["dead.fifo", "TYPES_DIFFER"],
    ] as const) {
      await expect(queue.create("q", { deadLetterQueue })).rejects.toMatchObject({ code: "INVALID_ARGUMENT", reason });
    }
    await expect(queue.create("a.fifo", { type: "standard" })).rejects.toMatchObject({ reason: "NAME" });
  });

  it("of tenants are apart", async () => {
    const [one, other] = [queueOf(), queueOf()];
    await one.queue.create("q");
    const { id } = await one.queue.send("q", "secret");
    await expect(other.queue.receive("q")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await other.queue.create("q");
    await expect(other.queue.get("q", id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await other.queue.receive("q")).toEqual({ messages: [] });
  });
});

describe("messages", () => {
  it("keep their type, order, attributes and who sent them", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    const bodies = ["text", { at: new Date(0), ids: new Set([1n]) }, [1, null], 7, new Uint8Array([1, 2])];
    for (const body of bodies) await queue.send("q", body, { attributes: { kind: "test", n: { type: "Number", value: "1" } } });
    const { messages } = await queue.receive("q");
    expect(messages.map(({ body }) => body)).toEqual(bodies);
    expect(messages[0]).toMatchObject({
      attempts: 1,
      sentBy: "key-of-tests",
      attributes: { kind: "test", n: { type: "Number", value: "1" } },
    });
    await expect(queue.send("q", { f: () => 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT", reason: "BODY" });
  });

  it("are leased: seen by one, again after the lease, gone once acknowledged", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q");
    await queue.send("q", 1);
    const [first] = (await queue.receive("q")).messages;
    expect(await queue.receive("q")).toEqual({ messages: [] });
    clock.pass(30);
    const [second] = (await queue.receive("q")).messages;
    expect(second).toMatchObject({ id: first?.id, attempts: 2 });
    expect(await queue.ack("q", [first?.receipt ?? ""])).toMatchObject({ ok: 0, failed: [{ receipt: first?.receipt, reason: "STALE" }] });
    expect(await queue.ack("q", [second?.receipt ?? "", "nonsense"])).toMatchObject({
      ok: 1,
      failed: [{ receipt: "nonsense", reason: "INVALID" }],
    });
    expect(await queue.stats("q")).toMatchObject({ ready: 0, inFlight: 0, bytes: 0, totals: { sent: 1, delivered: 2, acked: 1 } });
  });

  it("whose lease has run out can be acknowledged until another has them", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q");
    await queue.send("q", 1);
    const [late] = (await queue.receive("q", { visibilityTimeoutSeconds: 1 })).messages;
    clock.pass(2);
    expect(await queue.extend("q", [late?.receipt ?? ""], 10)).toMatchObject({ ok: 0, failed: [{ reason: "EXPIRED" }] });
    expect(await queue.ack("q", [late?.receipt ?? ""])).toMatchObject({ ok: 1 });
  });

  it("a lease is made longer, up to twelve hours in all, or ended", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q");
    await queue.send("q", 1);
    const [{ receipt } = { receipt: "" }] = (await queue.receive("q", { visibilityTimeoutSeconds: 10 })).messages;
    clock.pass(5);
    expect(await queue.extend("q", [receipt], 43_195)).toEqual({ ok: 1, failed: [] });
    expect(await queue.extend("q", [receipt], 43_196)).toMatchObject({ ok: 0, failed: [{ reason: "TOO_LONG" }] });
    expect(await queue.extend("q", [receipt], 0)).toEqual({ ok: 1, failed: [] });
    expect((await queue.receive("q")).messages).toMatchObject([{ attempts: 2 }]);
  });

  it("wait for their delay, the queue's or their own", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q", { delaySeconds: 10 });
    await queue.send("q", "later");
    await queue.send("q", "now", { delaySeconds: 0 });
    expect((await queue.receive("q")).messages.map(({ body }) => body)).toEqual(["now"]);
    expect(await queue.stats("q")).toMatchObject({ ready: 0, delayed: 1, inFlight: 1 });
    clock.pass(10);
    expect((await queue.receive("q")).messages.map(({ body }) => body)).toEqual(["later"]);
  });

  it("come by priority, and in order within one", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    for (const [body, priority] of [
      ["a", 0],
      ["b", 9],
      ["c", 5],
      ["d", 9],
    ] as const)
      await queue.send("q", body, { priority });
    expect((await queue.receive("q")).messages.map(({ body }) => body)).toEqual(["b", "d", "c", "a"]);
  });

  it("are peeked at, found, and cancelled when nobody has them", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    const { id } = await queue.send("q", 1);
    await queue.send("q", 2, { delaySeconds: 60 });
    const page = await queue.peek("q", { limit: 1 });
    expect(page.items).toMatchObject([{ id, state: "ready", body: 1 }]);
    expect((await queue.peek("q", { cursor: page.cursor })).items).toMatchObject([{ state: "delayed", body: 2 }]);
    await queue.receive("q");
    await expect(queue.cancel("q", id)).rejects.toMatchObject({ code: "CONFLICT", reason: "IN_FLIGHT" });
    const [later] = (await queue.peek("q", { cursor: page.cursor })).items;
    expect(await queue.cancel("q", later?.id ?? "")).toEqual({ cancelled: true });
    await expect(queue.get("q", later?.id ?? "")).rejects.toMatchObject({ code: "NOT_FOUND", reason: "MESSAGE_NOT_FOUND" });
  });

  it("of a batch are sent or refused each by itself", async () => {
    const { queue } = queueOf();
    await queue.create("q.fifo", { maxMessageBytes: 10 });
    const { results } = await queue.sendBatch("q.fifo", [
      { body: "one", groupId: "a" },
      { body: "x".repeat(11), groupId: "a" },
      { body: "two" },
      { body: "three", groupId: "a", priority: 1 },
      { body: "four", groupId: "a", delaySeconds: 1 },
      { body: "five", groupId: "b" },
    ]);
    expect(results).toEqual([
      { id: expect.stringMatching(/^msg_/), duplicate: false },
      {
        error: {
          code: "TOO_LARGE",
          reason: "MESSAGE_TOO_LARGE",
          message: "Cannot send to q.fifo: a message must be at most 10 bytes, got 11",
        },
      },
      { error: expect.objectContaining({ reason: "GROUP_MISSING" }) },
      { error: expect.objectContaining({ reason: "FIFO_PRIORITY" }) },
      { error: expect.objectContaining({ reason: "FIFO_DELAY" }) },
      { id: expect.stringMatching(/^msg_/), duplicate: false },
    ]);
    expect(await queue.stats("q.fifo")).toMatchObject({ ready: 2, bytes: 7, totals: { sent: 2 } });
  });

  it("with an idempotency key are sent once, whoever else chose the same key", async () => {
    const { queue, tenant } = queueOf();
    await queue.create("q");
    const first = await queue.send("q", { n: 1 }, { idempotencyKey: "k" });
    expect(await queue.send("q", { n: 1 }, { idempotencyKey: "k" })).toEqual(first);
    await expect(queue.send("q", { n: 2 }, { idempotencyKey: "k" })).rejects.toMatchObject({
      code: "UNPROCESSABLE",
      reason: "IDEMPOTENCY_KEY_REUSED",
    });
    const other = await queueOf(tenant, { id: "another" }).queue.send("q", { n: 3 }, { idempotencyKey: "k" });
    expect(other.id).not.toBe(first.id);
    expect(await queue.stats("q")).toMatchObject({ ready: 2 });
  });

  it("with a dedupId are sent once within the window, by content where the queue says so", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q", { dedupWindowSeconds: 60 });
    const first = await queue.send("q", 1, { dedupId: "d" });
    expect(await queue.send("q", 2, { dedupId: "d" })).toEqual({ id: first.id, duplicate: true });
    // Also when the first one is long gone.
    await queue.ack(
      "q",
      (await queue.receive("q")).messages.map(({ receipt }) => receipt),
    );
    clock.pass(59.999);
    expect(await queue.send("q", 3, { dedupId: "d" })).toMatchObject({ duplicate: true });
    clock.pass(0.001);
    expect(await queue.send("q", 3, { dedupId: "d" })).toMatchObject({ duplicate: false });
    await queue.create("c.fifo", { contentDedup: true });
    await queue.send("c.fifo", "same", { groupId: "a" });
    expect(await queue.send("c.fifo", "same", { groupId: "b" })).toMatchObject({ duplicate: true });
  });
});

describe("a FIFO queue", () => {
  it("delivers a group in order, one at a time, and other groups beside it", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q.fifo");
    for (const [groupId, n] of [
      ["a", 1],
      ["a", 2],
      ["b", 1],
      ["a", 3],
    ] as const)
      await queue.send("q.fifo", `${groupId}${n}`, { groupId });
    const take = async () => (await queue.receive("q.fifo")).messages;
    const [a1, b1] = await take();
    expect([a1?.body, b1?.body]).toEqual(["a1", "b1"]);
    expect(await take()).toEqual([]);
    // Given back, it is still the first of its group, also while it waits.
    await queue.retry("q.fifo", [a1?.receipt ?? ""], { delaySeconds: 5 });
    expect(await take()).toEqual([]);
    clock.pass(5);
    const [again] = await take();
    expect(again).toMatchObject({ body: "a1", attempts: 2 });
    await queue.ack("q.fifo", [again?.receipt ?? ""]);
    const [a2] = await take();
    expect(a2?.body).toBe("a2");
    clock.pass(60);
    expect((await take()).map(({ body }) => body)).toEqual(["a2", "b1"]);
  });

  it("goes on with a group when its first message is cancelled, dead or too old", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q.fifo", { maxRetries: 0, retentionSeconds: 100 });
    const first = await queue.send("q.fifo", 1, { groupId: "a" });
    clock.pass(50);
    for (const n of [2, 3]) await queue.send("q.fifo", n, { groupId: "a" });
    await queue.cancel("q.fifo", first.id);
    const [two] = (await queue.receive("q.fifo")).messages;
    expect(two?.body).toBe(2);
    await queue.retry("q.fifo", [two?.receipt ?? ""]);
    expect((await queue.listDead("q.fifo")).items).toMatchObject([
      { body: 2, state: "dead", reason: "it was given back to be tried again" },
    ]);
    await queue.send("q.fifo", 4, { groupId: "a" });
    clock.pass(99);
    await queue.send("q.fifo", 5, { groupId: "a" });
    clock.pass(1);
    expect((await queue.receive("q.fifo")).messages.map(({ body }) => body)).toEqual([5]);
  });

  it("puts a dead letter back into its old place, and still has one of a group in flight", async () => {
    const { queue } = queueOf();
    await queue.create("dead.fifo");
    await queue.create("q.fifo", { maxRetries: 0, deadLetterQueue: "dead.fifo" });
    for (const n of [1, 2, 3]) await queue.send("q.fifo", n, { groupId: "a" });
    const take = async () => (await queue.receive("q.fifo")).messages;
    const [one] = await take();
    await queue.retry("q.fifo", [one?.receipt ?? ""]);
    const [two] = await take();
    expect(await queue.redrive("q.fifo")).toEqual({ moved: 1 });
    expect(await take()).toEqual([]);
    await queue.ack("q.fifo", [two?.receipt ?? ""]);
    const [again] = await take();
    expect(again).toMatchObject({ id: one?.id, body: 1, attempts: 1 });
    await queue.ack("q.fifo", [again?.receipt ?? ""]);
    expect((await take()).map(({ body }) => body)).toEqual([3]);
  });
});

describe("what fails too often", () => {
  it("is dead after its retries: by being given back, or by its lease", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q", { maxRetries: 1, visibilityTimeoutSeconds: 1 });
    for (const body of ["given back", "forgotten"]) await queue.send("q", body);
    const once = (await queue.receive("q")).messages;
    await queue.retry("q", [once[0]?.receipt ?? ""]);
    clock.pass(1);
    const twice = (await queue.receive("q")).messages;
    expect(twice.map(({ attempts }) => attempts)).toEqual([2, 2]);
    expect(await queue.retry("q", [twice[0]?.receipt ?? ""])).toMatchObject({ ok: 1 });
    clock.pass(1);
    expect((await queue.receive("q")).messages).toEqual([]);
    expect((await queue.listDead("q")).items.map(({ body, reason, source }) => [body, reason, source])).toEqual([
      ["given back", "it was given back to be tried again", "q"],
      ["forgotten", "its lease ran out", "q"],
    ]);
    expect(await queue.stats("q")).toMatchObject({ ready: 0, dead: 2, totals: { died: 2, retried: 2 } });
    expect(await queue.redrive("q", { max: 1 })).toEqual({ moved: 1 });
    expect((await queue.receive("q")).messages).toMatchObject([{ body: "given back", attempts: 1 }]);
  });

  it("is redriven oldest first, however it is named", async () => {
    const { queue } = queueOf();
    await queue.create("q", { maxRetries: 0 });
    await queue.create("other");
    const [older, newer] = [(await queue.send("q", 1)).id, (await queue.send("q", 2)).id];
    await queue.retry(
      "q",
      (await queue.receive("q")).messages.map(({ receipt }) => receipt),
    );
    expect(await queue.redrive("q", { ids: [newer, older], max: 1, to: "other" })).toEqual({ moved: 1 });
    expect((await queue.receive("other")).messages.map(({ id }) => id)).toEqual([older]);
  });

  it("goes to the dead letter queue, which is a queue, and comes back from it", async () => {
    const { queue, clock } = queueOf();
    await queue.create("dead", { retentionSeconds: 1_000 });
    await queue.create("q", { maxRetries: 0, deadLetterQueue: "dead", retentionSeconds: 100 });
    await queue.create("other");
    const ids = [];
    for (const n of [1, 2, 3]) ids.push((await queue.send("q", n)).id);
    clock.pass(99);
    await queue.retry(
      "q",
      (await queue.receive("q")).messages.map(({ receipt }) => receipt),
    );
    // Its retention begins again with its death.
    clock.pass(999);
    expect((await queue.listDead("q")).items.map(({ id }) => id)).toEqual(ids);
    expect((await queue.listDead("dead")).items.map(({ id }) => id)).toEqual(ids);
    const [taken] = (await queue.receive("dead", { max: 1 })).messages;
    expect(taken).toMatchObject({ id: ids[0], attempts: 1 });
    // What somebody has in hand stays with them.
    expect(await queue.redrive("q", { ids: [ids[0] ?? "", ids[2] ?? ""], to: "other" })).toEqual({ moved: 1 });
    expect(await queue.redrive("dead")).toEqual({ moved: 1 });
    expect((await queue.receive("q")).messages.map(({ id }) => id)).toEqual([ids[1]]);
    expect((await queue.receive("other")).messages.map(({ id }) => id)).toEqual([ids[2]]);
    await expect(async () => queue.redrive("q", { to: "nowhere" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is never dead where that is not wanted", async () => {
    const { queue } = queueOf();
    await queue.create("q", { maxRetries: null });
    await queue.send("q", 1);
    for (let i = 0; i < 20; i++)
      await queue.retry(
        "q",
        (await queue.receive("q")).messages.map(({ receipt }) => receipt),
      );
    expect((await queue.receive("q")).messages).toMatchObject([{ attempts: 21 }]);
  });
});

describe("a queue as a whole", () => {
  it("delivers nothing while it is paused", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    await queue.send("q", 1);
    expect(await queue.pause("q")).toMatchObject({ paused: true });
    await queue.send("q", 2);
    expect(await queue.receive("q")).toEqual({ messages: [] });
    await queue.resume("q");
    expect((await queue.receive("q")).messages).toHaveLength(2);
  });

  it("is purged of everything", async () => {
    const { queue } = queueOf();
    await queue.create("q", { maxRetries: 0 });
    for (const n of [1, 2, 3]) await queue.send("q", n);
    const [one, two] = (await queue.receive("q", { max: 2 })).messages;
    await queue.retry("q", [one?.receipt ?? ""]);
    expect(await queue.purge("q")).toEqual({ purged: 3 });
    expect(await queue.ack("q", [two?.receipt ?? ""])).toMatchObject({ ok: 0 });
    expect(await queue.stats("q")).toMatchObject({ ready: 0, delayed: 0, inFlight: 0, dead: 0, bytes: 0, oldestAgeMs: null });
  });

  it("forgets what has been kept for long enough", async () => {
    const { queue, clock } = queueOf();
    await queue.create("q", { retentionSeconds: 60 });
    await queue.send("q", "old");
    clock.pass(59.999);
    expect(await queue.stats("q")).toMatchObject({ ready: 1, oldestAgeMs: 59_999 });
    clock.pass(0.001);
    expect(await queue.stats("q")).toMatchObject({ ready: 0, totals: { expired: 1 } });
  });

  it("is waited for, until there is a message or the time is over", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    const waiting = queue.receive("q", { waitSeconds: 20 });
    await queue.send("q", "at last");
    expect((await waiting).messages).toMatchObject([{ body: "at last" }]);
    expect((await queue.receive("q", { waitSeconds: 0.05 })).messages).toEqual([]);
  });

  it("is followed live", async () => {
    const { queue } = queueOf();
    await queue.create("q");
    const { cursor } = await queue.tail("q", { waitMs: 0 });
    const following = queue.tail("q", { cursor, waitMs: 10_000 });
    const { id } = await queue.send("q", 1);
    const { events, cursor: next } = await following;
    expect(events).toMatchObject([{ event: "sent", id }]);
    await queue.ack(
      "q",
      (await queue.receive("q")).messages.map(({ receipt }) => receipt),
    );
    expect((await queue.tail("q", { cursor: next })).events.map(({ event }) => event)).toEqual(["delivered", "acked"]);
  });
});

describe("at the limit it passes, over it not", () => {
  it("messages in flight", () =>
    withEngine({ inFlight: 2 }, (engine) => {
      const { queue } = engine.create("q", {}, 0);
      for (let i = 0; i < 3; i++) engine.sender.send(queue, PLAIN, "me", 0);
      expect(engine.delivery.receive(queue, 10, 1_000, 0)).toHaveLength(2);
      expect(() => engine.delivery.receive(queue, 10, 1_000, 0)).toThrow(code("LIMIT_EXCEEDED"));
    }));

  it("queues", () =>
    withEngine({ queues: 2 }, (engine) => {
      for (const name of ["a", "b"]) engine.create(name, {}, 0);
      expect(() => engine.create("c", {}, 0)).toThrow(code("LIMIT_EXCEEDED"));
    }));

  it("retention, also behind a thousand dead that were sent before", () =>
    withEngine({}, (engine) => {
      const { queue } = engine.create("q", { maxRetries: 0, retentionSeconds: 100 }, 0);
      const dead = Array.from({ length: 1_001 }, () => PLAIN);
      engine.sender.batch(queue, dead, "me", 0);
      const receipts = engine.delivery.receive(queue, 1_001, 1_000, 0).map(({ receipt }) => receipt);
      engine.delivery.retry(queue, receipts, () => 0, "it failed", 90_000);
      engine.sender.send(queue, PLAIN, "me", 1_000);
      expect(engine.counts(queue, 100_999)).toMatchObject({ ready: 1, dead: 1_001 });
      expect(engine.counts(queue, 101_000)).toMatchObject({ ready: 0, dead: 1_001 });
      // A thousand at a time.
      expect(engine.counts(queue, 190_000)).toMatchObject({ dead: 1 });
      expect(engine.counts(queue, 190_000)).toMatchObject({ dead: 0 });
    }));

  it("bytes of one answer", () =>
    withEngine({ receiveBytes: 10 }, (engine) => {
      const { queue } = engine.create("q", {}, 0);
      const send = (bytes: number) => engine.sender.send(queue, { ...PLAIN, bytes }, "me", 0);
      for (const bytes of [11, 4, 6, 1]) send(bytes);
      const take = () => engine.delivery.receive(queue, 10, 1_000, 0).map(({ row }) => row.size);
      expect([take(), take(), take()]).toEqual([[11], [4, 6], [1]]);
    }));

  it("bytes of the store", () =>
    withEngine({ storeBytes: 1 }, (engine) => {
      expect(() => engine.checkRoom()).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED", reason: "STORE_FULL" }));
    }));

  /** As code calls it. */
  it.each([
    ["bytes of a message", (n: number) => ["send", "q", "x".repeat(n)], 128_000, "TOO_LARGE"],
    ["messages of a batch", (n: number) => ["sendBatch", "q", Array.from({ length: n }, () => ({ body: 1 }))], 100, "INVALID_ARGUMENT"],
    [
      "bytes of a batch",
      (n: number) => [
        "sendBatch",
        "q",
        [...Array.from({ length: 9 }, () => ({ body: "x".repeat(116_000) })), { body: "x".repeat(n - 1_044_000) }],
      ],
      1_048_576,
      "TOO_LARGE",
    ],
    ["messages of a receive", (n: number) => ["receive", "q", { max: n }], 100, "INVALID_ARGUMENT"],
    ["seconds of a wait", (n: number) => ["receive", "full", { waitSeconds: n }], 20, "INVALID_ARGUMENT"],
    ["seconds of a lease", (n: number) => ["receive", "q", { visibilityTimeoutSeconds: n }], 43_200, "INVALID_ARGUMENT"],
    ["seconds of a delay", (n: number) => ["send", "q", 1, { delaySeconds: n }], 86_400, "INVALID_ARGUMENT"],
    ["a priority", (n: number) => ["send", "q", 1, { priority: n }], 9, "INVALID_ARGUMENT"],
    [
      "attributes",
      (n: number) => ["send", "q", 1, { attributes: Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, "x"])) }],
      10,
      "INVALID_ARGUMENT",
    ],
    ["seconds of retention", (n: number) => ["create", "kept", { retentionSeconds: n }], 1_209_600, "INVALID_ARGUMENT"],
    ["retries", (n: number) => ["create", "tried", { maxRetries: n }], 999, "INVALID_ARGUMENT"],
    ["characters of a name", (n: number) => ["create", "n".repeat(n)], 80, "INVALID_ARGUMENT"],
    ["bytes that a queue may allow", (n: number) => ["create", "large", { maxMessageBytes: n }], 1_048_576, "INVALID_ARGUMENT"],
    ["receipts of an answer", (n: number) => ["ack", "q", Array.from({ length: n }, () => "r")], 100, "INVALID_ARGUMENT"],
  ] as const)("%s", async (_what, call, limit, refused) => {
    const run = inTenant();
    const ask = (input: unknown) => run(`const [method, ...args] = input; return queue[method](...args)`, input);
    for (const name of ["q", "full"]) await ask(["create", name]);
    await ask(["send", "full", 1]);
    expect(await ask(call(limit))).not.toHaveProperty("code");
    expect(await ask(call(limit + 1))).toMatchObject({ code: refused });
  });
});
