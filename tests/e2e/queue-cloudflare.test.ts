import Cloudflare from "cloudflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Session } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let session: Session;
const account = { account_id: "root" };
const clientOf = (apiToken: string) => new Cloudflare({ apiToken, baseURL: `${host.url}/queues`, maxRetries: 0 }).queues;
const queues = () => clientOf(host.rootKey);

beforeAll(async () => {
  host = await testHost();
  session = connect(host.url, host.rootKey);
});
afterAll(() => host.stop());

describe("Cloudflare Queues, with Cloudflare's SDK", () => {
  it("makes queues, lists, changes and deletes them", async () => {
    const made = await queues().create({ ...account, queue_name: "made" });
    expect(made).toMatchObject({
      queue_id: "made",
      queue_name: "made",
      settings: { delivery_delay: 0, delivery_paused: false, message_retention_period: 345_600 },
    });
    expect(await queues().get("made", account)).toEqual(made);
    const names = [];
    for await (const { queue_name: name } of queues().list(account)) names.push(name);
    expect(names).toEqual(["made"]);
    const changed = await queues().edit("made", { ...account, settings: { delivery_paused: true, message_retention_period: 60 } });
    expect(changed.settings).toEqual({ delivery_delay: 0, delivery_paused: true, message_retention_period: 60 });
    await queues().delete("made", account);
    await expect(queues().get("made", account)).rejects.toMatchObject({
      status: 404,
      errors: [{ code: 11_000, message: 'There is no queue "made"' }],
    });
  });

  it("pushes, pulls under a lease, acknowledges and retries", async () => {
    await session.queue.create("work");
    const pushed = await queues().messages.push("work", { ...account, body: "hällo", content_type: "text" });
    expect(pushed.metadata?.metrics).toMatchObject({ backlog_count: 1, backlog_bytes: 6 });
    await queues().messages.bulkPush("work", {
      ...account,
      messages: [
        { body: { n: "ü" }, content_type: "json" },
        { body: "later", content_type: "text", delay_seconds: 60 },
      ],
    });
    const { messages = [], message_backlog_count: backlog } = await queues().messages.pull("work", {
      ...account,
      batch_size: 10,
      visibility_timeout_ms: 30_000,
    });
    expect(backlog).toBe(3);
    expect(
      messages.map(({ body, attempts, metadata }) => ({ body, attempts, type: (metadata as Record<string, string>)["CF-Content-Type"] })),
    ).toEqual([
      { body: "hällo", attempts: 1, type: "text" },
      { body: Buffer.from('{"n":"ü"}').toString("base64"), attempts: 1, type: "json" },
    ]);
    const leases = messages.map(({ lease_id: lease }) => ({ lease_id: lease ?? "" }));
    const answered = await queues().messages.ack("work", {
      ...account,
      acks: [...leases.slice(0, 1), { lease_id: "nonsense" }],
      retries: leases.slice(1),
    });
    expect(answered).toEqual({ ackCount: 1, retryCount: 1, warnings: { nonsense: "it is no receipt of this queue" } });
    expect((await queues().messages.pull("work", account)).messages).toMatchObject([{ attempts: 2 }]);
    expect((await queues().messages.peek("work", account)).messages).toHaveLength(2);
    expect(await queues().getMetrics("work", account)).toMatchObject({ backlog_count: 2 });
    await queues().purge.start("work", { ...account, delete_messages_permanently: true });
    expect(await session.queue.stats("work")).toMatchObject({ ready: 0, delayed: 0, inFlight: 0 });
  });

  it("holds what is sent to Cloudflare's limits", async () => {
    await session.queue.create("limits", { maxMessageBytes: 1_048_576 });
    const push = (bytes: number) => queues().messages.push("limits", { ...account, body: "x".repeat(bytes), content_type: "text" });
    await push(128_000);
    await expect(push(128_001)).rejects.toMatchObject({
      status: 413,
      errors: [{ message: "A message must be at most 128000 bytes, got 128001" }],
    });
    const bulk = (bytes: number[]) =>
      queues().messages.bulkPush("limits", {
        ...account,
        messages: bytes.map((n) => ({ body: "x".repeat(n), content_type: "text" as const })),
      });
    await bulk([128_000, 128_000]);
    await expect(bulk([128_000, 128_000, 1])).rejects.toMatchObject({ status: 413 });
    await bulk(Array.from({ length: 100 }, () => 1));
    await expect(bulk(Array.from({ length: 101 }, () => 1))).rejects.toMatchObject({ status: 400 });
    const pull = (size: number) => queues().messages.pull("limits", { ...account, batch_size: size, visibility_timeout_ms: 0 });
    await pull(100);
    await expect(pull(101)).rejects.toMatchObject({ status: 400 });
    await expect(queues().messages.push("limits", { ...account, body: 1 as never, content_type: "text" })).rejects.toMatchObject({
      status: 400,
    });
  });

  it("names choose nothing: not the account, and not what the key may", async () => {
    await session.queue.create("mine");
    await expect(queues().messages.push("mine", { account_id: "other", body: "x" })).rejects.toMatchObject({ status: 404 });
    const { key } = await session.auth.createApiKey("reader", ["queue:read"]);
    await expect(clientOf(key).messages.push("mine", { ...account, body: "x" })).rejects.toMatchObject({ status: 403 });
    await expect(clientOf("nonsense").messages.push("mine", { ...account, body: "x" })).rejects.toMatchObject({ status: 401 });
  });
});
