import { Hono, type Context } from "hono";
import * as z from "zod";
import { STATUS_BY_CODE } from "../../../../../sdk/src/errors.ts";
import { encodeValue } from "../../../../../sdk/src/values.ts";
import type {
  BatchResult,
  PeekedMessage,
  QueueInfo,
  QueuePage,
  QueueStats,
  ReceiptOutcome,
  ReceivedMessage,
} from "../../../../../sdk/src/queue.ts";
import { byteLength } from "../../../../core-services/shared/hash.ts";
import { DoError, publicError } from "../../errors.ts";
import { Session } from "../../session.ts";
import { readJson } from "../body.ts";
import type { HttpEnv } from "../env.ts";

const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** What Cloudflare Queues allows of one message, and of a batch. */
const MESSAGE_BYTES = 128_000;
const BATCH_BYTES = 256_000;
/** What Cloudflare answers with every error of a queue, and with a queue that is not there. */
const QUEUE_ERROR = 11_002;
const NO_QUEUE = 11_000;

/** Of a retry, the most that a lease lasts. */
const MOST_RETRY_SECONDS = 43_200;

const Delay = z.int().min(0).max(86_400).optional();
const Message = z.object({ body: z.unknown(), content_type: z.enum(["text", "json"]).optional(), delay_seconds: Delay });
type Message = z.output<typeof Message>;
const Batch = z.object({ messages: z.array(Message).min(1).max(100), delay_seconds: Delay });
const Pull = z.object({ batch_size: z.int().min(1).max(100).optional(), visibility_timeout_ms: z.int().min(0).max(43_200_000).optional() });
const Leases = z.object({
  acks: z
    .array(z.object({ lease_id: z.string().max(128) }))
    .max(100)
    .optional(),
  retries: z
    .array(z.object({ lease_id: z.string().max(128), delay_seconds: z.int().min(0).max(MOST_RETRY_SECONDS).optional() }))
    .max(100)
    .optional(),
});
const Settings = z.object({
  delivery_delay: Delay,
  delivery_paused: z.boolean().optional(),
  message_retention_period: z.int().min(60).max(1_209_600).optional(),
});

type Asked = Context<HttpEnv>;
type Call = (method: string, ...params: readonly unknown[]) => Promise<unknown>;

/**
 * The HTTP API of Cloudflare Queues, as its SDK calls it with `baseURL: "<server>/queues"`. The account is the caller's own
 * tenant: it is checked, and chooses nothing. The id of a queue is its name.
 *
 * @see https://developers.cloudflare.com/api/resources/queues/
 */
export const queues = new Hono<HttpEnv>()
  .get(
    "/queues/accounts/:account/queues",
    route(async (_c, call) => {
      const { items } = (await call("list", { limit: 1_000 })) as QueuePage<QueueInfo>;
      return items.map(toCloudflare);
    }),
  )
  .post(
    "/queues/accounts/:account/queues",
    route(async (c, call) => {
      const { queue_name: name } = await bodyOf(c, z.object({ queue_name: z.string() }));
      return toCloudflare((await call("create", name)) as QueueInfo);
    }),
  )
  .get(
    "/queues/accounts/:account/queues/:queue",
    route(async (c, call) => toCloudflare((await call("describe", nameOf(c))) as QueueInfo)),
  )
  .patch(
    "/queues/accounts/:account/queues/:queue",
    route(async (c, call) => {
      const { settings = {} } = await bodyOf(c, z.object({ settings: Settings.optional() }));
      const { delivery_delay: delaySeconds, delivery_paused: paused, message_retention_period: retentionSeconds } = settings;
      const info = (await call("update", nameOf(c), { delaySeconds, retentionSeconds })) as QueueInfo;
      return toCloudflare(paused === undefined ? info : ((await call(paused ? "pause" : "resume", nameOf(c))) as QueueInfo));
    }),
  )
  .delete(
    "/queues/accounts/:account/queues/:queue",
    route(async (c, call) => {
      const { deleted } = (await call("delete", nameOf(c))) as { deleted: boolean };
      if (!deleted) throw new DoError("NOT_FOUND", `There is no queue "${nameOf(c)}"`, { reason: "QUEUE_NOT_FOUND" });
      return null;
    }),
  )
  .get(
    "/queues/accounts/:account/queues/:queue/metrics",
    route(async (c, call) => (await metricsOf(call, nameOf(c))).metrics),
  )
  .post(
    "/queues/accounts/:account/queues/:queue/purge",
    route(async (c, call) => {
      await bodyOf(c, z.object({ delete_messages_permanently: z.literal(true) }));
      await call("purge", nameOf(c));
      return toCloudflare((await call("describe", nameOf(c))) as QueueInfo);
    }),
  )
  .post(
    "/queues/accounts/:account/queues/:queue/messages",
    route(async (c, call) => {
      const message = await bodyOf(c, Message);
      await call("send", nameOf(c), contentOf(message), message.delay_seconds === undefined ? {} : { delaySeconds: message.delay_seconds });
      return { metadata: await metricsOf(call, nameOf(c)) };
    }),
  )
  .post(
    "/queues/accounts/:account/queues/:queue/messages/batch",
    route(async (c, call) => {
      const { messages, delay_seconds: common } = await bodyOf(c, Batch);
      const sent = messages.map((message) => {
        const delaySeconds = message.delay_seconds ?? common;
        return { body: contentOf(message), ...(delaySeconds === undefined ? {} : { delaySeconds }) };
      });
      const bytes = sent.reduce((sum, { body }) => sum + bytesOf(body), 0);
      if (bytes > BATCH_BYTES) throw new DoError("TOO_LARGE", `A batch must be at most ${BATCH_BYTES} bytes, got ${bytes}`);
      const { results } = (await call("sendBatch", nameOf(c), sent)) as { results: BatchResult[] };
      const [refused] = results.flatMap((result) => ("error" in result ? result.error.message : []));
      if (refused !== undefined) throw new DoError("INVALID_ARGUMENT", refused);
      return { metadata: await metricsOf(call, nameOf(c)) };
    }),
  )
  .post(
    "/queues/accounts/:account/queues/:queue/messages/pull",
    route(async (c, call) => {
      const { batch_size: max = 5, visibility_timeout_ms: ms } = await bodyOf(c, Pull);
      // Seconds are what a lease is measured in here.
      const options = { max, ...(ms === undefined ? {} : { visibilityTimeoutSeconds: Math.ceil(ms / 1_000) }) };
      const { messages } = (await call("receive", nameOf(c), options)) as { messages: ReceivedMessage[] };
      const { metrics } = await metricsOf(call, nameOf(c));
      return {
        message_backlog_count: metrics.backlog_count,
        messages: messages.map((message) => ({ ...pulledOf(message), lease_id: message.receipt })),
        metadata: { metrics },
      };
    }),
  )
  .post(
    "/queues/accounts/:account/queues/:queue/messages/peek",
    route(async (c, call) => {
      const { batch_size: limit = 5 } = await bodyOf(c, Pull);
      const { items } = (await call("peek", nameOf(c), { limit })) as QueuePage<PeekedMessage>;
      return { messages: items.map((message) => ({ ...pulledOf(message), ref: message.id })) };
    }),
  )
  .post(
    "/queues/accounts/:account/queues/:queue/messages/ack",
    route(async (c, call) => {
      const { acks = [], retries = [] } = await bodyOf(c, Leases);
      const warnings: Record<string, string> = {};
      const count = ({ ok, failed }: ReceiptOutcome) => {
        for (const { receipt, message } of failed) warnings[receipt] = message;
        return ok;
      };
      const ackCount =
        acks.length === 0
          ? 0
          : count(
              (await call(
                "ack",
                nameOf(c),
                acks.map((ack) => ack.lease_id),
              )) as ReceiptOutcome,
            );
      let retryCount = 0;
      for (const [delaySeconds, leases] of byDelay(retries)) {
        // oxlint-disable-next-line no-await-in-loop -- one delay after the other
        retryCount += count((await call("retry", nameOf(c), leases, { delaySeconds })) as ReceiptOutcome);
      }
      return { ackCount, retryCount, ...(Object.keys(warnings).length > 0 ? { warnings } : {}) };
    }),
  );

/** What a route answers, in Cloudflare's envelope. */
function route(answer: (c: Asked, call: Call) => Promise<unknown>) {
  return async (c: Asked) => {
    try {
      const account = c.req.param("account");
      const { tenant } = Session.principalOf(c.var.caller);
      if (account !== tenant) throw new DoError("NOT_FOUND", `There is no such account; here it is "${tenant}"`);
      const call: Call = (method, ...params) => Session.invoke(c.var.caller, "queue", method, params);
      return c.json({ result: await answer(c, call), success: true, errors: [], messages: [] });
    } catch (error) {
      const { code, message } = publicError(error, c.env.requestId);
      const errors = [{ code: code === "NOT_FOUND" ? NO_QUEUE : QUEUE_ERROR, message }];
      return c.json({ result: null, success: false, errors, messages: [] }, STATUS_BY_CODE[code] as 400);
    }
  };
}

function nameOf(c: Asked): string {
  return c.req.param("queue") ?? "";
}

async function bodyOf<S extends z.ZodType>(c: Asked, shape: S): Promise<z.output<S>> {
  const parsed = shape.safeParse(await readJson(c.req.raw, MAX_BODY_BYTES));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DoError("INVALID_ARGUMENT", `${issue?.path.join(".") || "The body"}: ${issue?.message ?? "is not valid"}`);
}

/** @throws DoError TOO_LARGE, INVALID_ARGUMENT */
function contentOf({ body, content_type: type }: Message): unknown {
  if (body === undefined) throw new DoError("INVALID_ARGUMENT", "body: there must be one");
  if (type === "text" && typeof body !== "string")
    throw new DoError("INVALID_ARGUMENT", "body: must be a string, for the content type text");
  const bytes = bytesOf(body);
  if (bytes > MESSAGE_BYTES) throw new DoError("TOO_LARGE", `A message must be at most ${MESSAGE_BYTES} bytes, got ${bytes}`);
  return body;
}

function bytesOf(body: unknown): number {
  return byteLength(typeof body === "string" ? body : JSON.stringify(body));
}

async function metricsOf(call: Call, queue: string) {
  const { ready, delayed, inFlight, bytes, oldestAgeMs } = (await call("stats", queue)) as QueueStats;
  return {
    metrics: {
      backlog_count: ready + delayed + inFlight,
      backlog_bytes: bytes,
      oldest_message_timestamp_ms: oldestAgeMs === null ? 0 : Date.now() - oldestAgeMs,
    },
  };
}

/** Text as it is; what is no text is JSON in base64, as Cloudflare has it for who pulls. */
function pulledOf({ id, body, attempts, sentAt }: ReceivedMessage | PeekedMessage) {
  const isText = typeof body === "string";
  return {
    id,
    body: isText ? body : base64(JSON.stringify(encodeValue(body, "body").value)),
    attempts,
    timestamp_ms: Date.parse(sentAt),
    metadata: { "CF-Content-Type": isText ? "text" : "json", "CF-sourceMessageSource": "do" },
  };
}

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const byte of bytes) binary += String.fromCodePoint(byte);
  return btoa(binary);
}

function byDelay(retries: readonly { lease_id: string; delay_seconds?: number | undefined }[]): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const { lease_id: lease, delay_seconds: delay = 0 } of retries) groups.set(delay, [...(groups.get(delay) ?? []), lease]);
  return groups;
}

function toCloudflare(info: QueueInfo) {
  return {
    queue_id: info.name,
    queue_name: info.name,
    created_on: info.createdAt,
    modified_on: info.updatedAt,
    consumers_total_count: info.consumer ? 1 : 0,
    settings: { delivery_delay: info.delaySeconds, delivery_paused: info.paused, message_retention_period: info.retentionSeconds },
  };
}
