import { describe, expect, it, vi } from "vitest";
import { backoffMs } from "../../../workers/core-services/queue/push/pump.ts";
import { verdictOf } from "../../../workers/core-services/queue/push/verdict.ts";
import { admin } from "../auth/support.ts";
import { inTenant } from "../db/support.ts";
import { newTenant } from "../support.ts";
import { queueOf, RealClock } from "./support.ts";

/** A queue whose clock is that of the alarms, and code beside it in the same tenant. */
function pushing() {
  const tenant = newTenant();
  return { ...queueOf(tenant, { clock: new RealClock() }), run: inTenant(tenant) };
}

const FAST = { batchWaitMs: 0 };
const until = <T>(look: () => Promise<T>) => vi.waitFor(look, { timeout: 15_000, interval: 20 });

describe("a push consumer of code", () => {
  it("gets batches, as an execution that names its cause, and what it does not give back is done", async () => {
    const { queue, run } = pushing();
    await queue.create("orders");
    await queue.subscribe(
      "orders",
      { code: `for (const m of input.messages) await db.insert("seen", { n: m.body.n, attempts: m.attempts }); return { retry: [] }` },
      { batchSize: 2, batchWaitMs: 50 },
    );
    await queue.sendBatch(
      "orders",
      [1, 2, 3].map((n) => ({ body: { n } })),
    );
    await until(async () => expect(await run(`return (await db.list("seen")).items.map((i) => i.data.n).sort()`)).toEqual([1, 2, 3]));
    await until(async () =>
      expect(await queue.stats("orders")).toMatchObject({ ready: 0, inFlight: 0, totals: { acked: 3, delivered: 3 } }),
    );
    expect((await queue.describe("orders")).consumer).toMatchObject({
      state: "active",
      failures: 0,
      by: { kind: "key", id: "key-of-tests" },
    });
  });

  it("answers for each message: those that it names are tried again, the others are done", async () => {
    const { queue, run } = pushing();
    await queue.create("q", { maxRetries: 5 });
    await queue.subscribe(
      "q",
      {
        code: `for (const m of input.messages) await db.insert("seen", { body: m.body, attempts: m.attempts }); return { retry: input.messages.filter((m) => m.body === "odd" && m.attempts < 3).map(({ id }) => ({ id, delaySeconds: 0 })) }`,
      },
      FAST,
    );
    await queue.sendBatch("q", [{ body: "odd" }, { body: "even" }]);
    await until(async () =>
      expect(await queue.stats("q")).toMatchObject({ ready: 0, inFlight: 0, delayed: 0, totals: { acked: 2, retried: 2 } }),
    );
    expect(await run(`return (await db.list("seen")).items.map(({ data }) => data.body + data.attempts).sort()`)).toEqual([
      "even1",
      "odd1",
      "odd2",
      "odd3",
    ]);
  });

  it("that throws, or is stopped at a limit, is backed off, and in the end its messages are dead with the reason", async () => {
    const { queue } = pushing();
    await queue.create("q", { maxRetries: 1, backoff: { baseSeconds: 0.01, factor: 2, maxSeconds: 1 } });
    await queue.subscribe(
      "q",
      { code: `if (input.messages[0].body === "loop") for (;;); throw new Error("no stock")`, timeoutMs: 300 },
      { batchSize: 1, ...FAST },
    );
    await queue.sendBatch("q", [{ body: "throw" }, { body: "loop" }]);
    await until(async () => expect((await queue.listDead("q")).items).toHaveLength(2));
    const reasons = (await queue.listDead("q")).items.map(({ body, reason, attempts }) => [body, reason, attempts]);
    expect(reasons).toEqual([
      ["throw", expect.stringMatching(/^exec_\w+ ended with threw: no stock$/), 2],
      ["loop", expect.stringMatching(/^exec_\w+ ended with (?:timeout|cpu-exceeded)/), 2],
    ]);
    expect((await queue.describe("q")).consumer).toMatchObject({
      state: "active",
      failures: 4,
      lastError: expect.stringContaining("ended with"),
    });
  });

  it("has as many batches at a time as it may, and of a FIFO group one message", async () => {
    const { queue, run } = pushing();
    await queue.create("q.fifo");
    await queue.sendBatch(
      "q.fifo",
      ["a", "b", "c"].flatMap((groupId) => [1, 2].map((n) => ({ body: groupId + n, groupId }))),
    );
    const code = `const [m] = input.messages; await db.insert("log", { e: "begin " + m.body }); await new Promise((r) => setTimeout(r, 30)); await db.insert("log", { e: "end " + m.body })`;
    await queue.subscribe("q.fifo", { code }, { batchSize: 1, concurrency: 3, ...FAST });
    await until(async () => expect(await queue.stats("q.fifo")).toMatchObject({ totals: { acked: 6 } }));
    const log = (await run(
      `return (await db.list("log", { limit: 100, orderBy: ["$createdAt", "$id"] })).items.map((i) => i.data.e)`,
    )) as string[];
    for (const group of ["a", "b", "c"]) {
      expect(log.filter((entry) => entry.includes(` ${group}`))).toEqual([
        `begin ${group}1`,
        `end ${group}1`,
        `begin ${group}2`,
        `end ${group}2`,
      ]);
    }
  });

  it("delivers nothing while the queue is paused, and goes on when it is resumed", async () => {
    const { queue } = pushing();
    await queue.create("q");
    await queue.subscribe("q", { code: "return 1" }, FAST);
    await queue.pause("q");
    await queue.send("q", 1);
    expect(await queue.stats("q")).toMatchObject({ ready: 1, totals: { delivered: 0 } });
    await queue.resume("q");
    await until(async () => expect(await queue.stats("q")).toMatchObject({ totals: { acked: 1 } }));
    expect(await queue.unsubscribe("q")).toEqual({ unsubscribed: true });
    expect(await queue.unsubscribe("q")).toEqual({ unsubscribed: false });
  });
});

describe("other targets", () => {
  it("a method of a service is called for each message, with its body last", async () => {
    const { queue, run } = pushing();
    await queue.create("q", { maxRetries: 0 });
    await queue.subscribe("q", { service: "db", method: "insert", params: ["rows"] }, FAST);
    await queue.sendBatch("q", [{ body: { n: 1 } }, { body: "no document" }, { body: { n: 2 } }]);
    await until(async () => expect(await queue.stats("q")).toMatchObject({ dead: 1, totals: { acked: 2 } }));
    expect(await run(`return (await db.list("rows")).items.map((i) => i.data.n).sort()`)).toEqual([1, 2]);
    expect((await queue.listDead("q")).items).toMatchObject([
      { body: "no document", reason: expect.stringContaining("Cannot call db.insert: data") },
    ]);
  });

  it("a message of one queue can go on into another", async () => {
    const { queue } = pushing();
    await queue.create("from");
    await queue.create("to");
    await queue.subscribe("from", { service: "queue", method: "send", params: ["to"] }, FAST);
    await queue.send("from", { n: 1 });
    await until(async () => expect((await queue.receive("to")).messages).toMatchObject([{ body: { n: 1 } }]));
  });

  it("a saved function gets the batch, and says what to give back", async () => {
    const { queue, run } = pushing();
    await run(`await gateway.deploy("handler", { code: "export default async ({ input, db }) => {" +
      "for (const m of input.messages) await db.insert('seen', { n: m.body.n }); return { retry: [] } }" })`);
    await queue.create("q");
    await queue.subscribe("q", { function: "handler", timeoutMs: 5_000 }, FAST);
    await queue.send("q", { n: 7 });
    await until(async () => expect(await run(`return (await db.list("seen")).items.map((i) => i.data.n)`)).toEqual([7]));
    await until(async () => expect(await queue.stats("q")).toMatchObject({ totals: { acked: 1 } }));
  });

  it.each([
    ["a function that is not there", { function: "handler" }, 'There is no function "handler"'],
    ["a URL, until there is a way out", { url: "https://example.com/hook" }, "Cannot send a request: egress is not built yet"],
  ])("%s", async (_what, target, reason) => {
    const { queue } = pushing();
    await queue.create("q", { maxRetries: 0 });
    await queue.subscribe("q", target, FAST);
    await queue.send("q", 1);
    await until(async () => expect((await queue.listDead("q")).items).toMatchObject([{ reason }]));
  });
});

describe("on whose behalf", () => {
  it("what the key may at that moment counts, and a revoked one ends it without a try", async () => {
    const { auth, tenant } = admin();
    const made = await auth.createApiKey("worker", ["queue:*", "executions:*", "db:*"]);
    const { queue } = queueOf(tenant, { id: made.id, clock: new RealClock(), source: made.id });
    await queue.create("q", { maxRetries: 0 });
    await queue.subscribe(
      "q",
      { code: `return db.insert("a", {}).then(() => undefined, (e) => ({ retry: input.messages.map((m) => m.id) }))` },
      FAST,
    );
    await queue.send("q", 1);
    await until(async () => expect(await queue.stats("q")).toMatchObject({ totals: { acked: 1 } }));
    await auth.updateApiKey(made.id, { permissions: ["queue:*", "executions:*"] });
    await queue.send("q", 2);
    await until(async () => expect((await queue.listDead("q")).items).toMatchObject([{ body: 2 }]));
    await auth.revokeApiKey(made.id);
    await queue.send("q", 3);
    await until(async () =>
      expect((await queue.describe("q")).consumer).toMatchObject({ state: "stopped", stoppedBecause: expect.stringContaining("revoked") }),
    );
    expect((await queue.peek("q")).items.filter(({ state }) => state !== "dead")).toMatchObject([{ body: 3, state: "ready", attempts: 0 }]);
  });

  it("who may not run code cannot subscribe code", async () => {
    const { queue } = queueOf(undefined, { scopes: ["queue:*"] });
    await queue.create("q");
    await expect(queue.subscribe("q", { code: "return 1" })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      details: { scope: "executions:write" },
    });
  });
});

describe("what a consumer says", () => {
  const batch = { messages: [{ id: "a" }, { id: "b" }] };
  it.each([
    [undefined, []],
    ["done", []],
    [{ ok: true }, []],
    [{ retry: ["a"] }, [{ id: "a" }]],
    [{ retry: [{ id: "b", delaySeconds: 9 }] }, [{ id: "b", delaySeconds: 9 }]],
    [{ batchItemFailures: [{ itemIdentifier: "b" }] }, [{ id: "b" }]],
  ])("%j", (said, retry) => {
    expect(verdictOf(said, batch)).toEqual({ retry });
  });

  it.each([[{ retry: "a" }], [{ retry: ["c"] }], [{ retry: [{ id: "a", delaySeconds: -1 }] }], [{ batchItemFailures: [{}] }]])(
    "%j fails the batch",
    (said) => {
      expect(() => verdictOf(said, batch)).toThrow();
    },
  );

  it("back-off grows to its most", () => {
    const backoff = { baseSeconds: 1, factor: 2, maxSeconds: 10 };
    expect([1, 2, 3, 4, 5, 99].map((attempts) => backoffMs(backoff, attempts))).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });
});
