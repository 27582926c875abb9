/** What the methods of queue accept and answer. */
import * as z from "zod";
import { CONSUMER_LIMITS, QUEUE_LIMITS, TAIL_LIMITS } from "./limits.ts";

const Time = z.string().meta({ description: "ISO 8601, UTC" });

/** As SQS has them: a queue whose name ends with `.fifo` is one. */
export const QueueName = z
  .string()
  .regex(/^(?:[\w-]{1,80}|[\w-]{1,75}\.fifo)$/, "must be 1 to 80 letters, digits, - and _, and may end with .fifo");
export const MessageId = z.string().regex(/^msg_[0-9A-Z]{26}$/, "must be the id of a message, msg_...");
export const IdempotencyKey = z.string().min(1).max(255).optional();
export const Receipts = z.array(z.string().max(128)).min(1).max(QUEUE_LIMITS.batchMessages);
export const Keyed = z.strictObject({ idempotencyKey: IdempotencyKey }).optional();

const seconds = (most: number, least = 0) => z.int().min(least).max(most);

export const RetryDelay = seconds(QUEUE_LIMITS.leaseSeconds);

const Backoff = z
  .strictObject({
    baseSeconds: z.number().min(0).max(3_600).default(1),
    factor: z.number().min(1).max(10).default(2),
    maxSeconds: seconds(QUEUE_LIMITS.leaseSeconds).default(900),
  })
  .meta({ description: "How long a message waits that a push consumer has failed: base × factor^(attempts - 1), at most max" });

const settings = {
  visibilityTimeoutSeconds: seconds(QUEUE_LIMITS.leaseSeconds).meta({ description: "How long a lease is; default 30" }),
  delaySeconds: seconds(QUEUE_LIMITS.delaySeconds).meta({ description: "Of messages that say none; default 0" }),
  retentionSeconds: seconds(QUEUE_LIMITS.retentionSeconds, QUEUE_LIMITS.leastRetentionSeconds).meta({ description: "Default 4 days" }),
  maxRetries: z
    .int()
    .min(0)
    .max(QUEUE_LIMITS.retries)
    .nullable()
    .meta({ description: "After this many retries a message is dead; default 3, null: never" }),
  backoff: Backoff,
  deadLetterQueue: QueueName.nullable().meta({ description: "Where dead messages go; null: they stay in this queue, apart" }),
  dedupWindowSeconds: seconds(QUEUE_LIMITS.dedupWindowSeconds, 1).meta({ description: "How long a dedupId counts; default 300" }),
  contentDedup: z.boolean().meta({ description: "A message without dedupId has the hash of its body as one; default false" }),
  maxMessageBytes: z.int().min(1).max(QUEUE_LIMITS.messageBytes).meta({ description: "Default 128,000" }),
};

export const Settings = z.strictObject(settings).partial();
export const CreateOptions = Settings.extend({
  type: z.enum(["standard", "fifo"]).optional().meta({ description: "Default: fifo when the name ends with .fifo, else standard" }),
  idempotencyKey: IdempotencyKey,
});

const Attribute = z.union([
  z.string(),
  z.strictObject({ type: z.string().regex(/^(?:String|Number|Binary)(?:\.[\w.-]{1,200})?$/), value: z.string() }),
]);
const Attributes = z
  .record(z.string().regex(/^(?!aws\.|amazon\.)[\w-](?:[\w.-]{0,254}[\w-])?$/i, "must be 1 to 256 letters, digits, _, - and ."), Attribute)
  .refine((all) => Object.keys(all).length <= QUEUE_LIMITS.attributes, `at most ${QUEUE_LIMITS.attributes} attributes`)
  .meta({ description: "Text by name, or { type, value } as SQS has them; Binary in base64" });

const GroupId = z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be 1 to 128 printable characters without spaces");

const sending = {
  delaySeconds: seconds(QUEUE_LIMITS.delaySeconds).optional(),
  groupId: GroupId.optional().meta({ description: "FIFO needs one; messages of a group are delivered in order, one at a time" }),
  dedupId: GroupId.optional().meta({ description: "Within the queue's window a second message with it is not sent" }),
  priority: z.int().min(0).max(QUEUE_LIMITS.priority).optional().meta({ description: "Higher comes first; default 0; not in FIFO" }),
  attributes: Attributes.optional(),
};
export const SendOptions = z.strictObject({ ...sending, idempotencyKey: IdempotencyKey });
export const Message = z.unknown().refine((message): boolean => message !== undefined, "there must be a message");
export const NewMessage = z.strictObject({ body: Message, ...sending });
export const NewMessages = z.array(NewMessage).min(1).max(QUEUE_LIMITS.batchMessages);
export type SendOptions = z.output<typeof SendOptions>;

export const Sent = z.object({ id: z.string(), duplicate: z.boolean() });
export const BatchResult = z.union([
  Sent,
  z.object({ error: z.object({ code: z.string(), reason: z.string().optional(), message: z.string() }) }),
]);

export const ReceiveOptions = z.strictObject({
  max: z.int().min(1).max(QUEUE_LIMITS.receiveMessages).optional().meta({ description: "Default 10" }),
  visibilityTimeoutSeconds: seconds(QUEUE_LIMITS.leaseSeconds).optional(),
  waitSeconds: z.number().min(0).max(QUEUE_LIMITS.waitSeconds).optional().meta({ description: "Default 0" }),
});

const STATES = ["ready", "delayed", "inFlight", "dead"] as const;

const seen = {
  id: z.string(),
  body: z.unknown(),
  attempts: z.int().meta({ description: "How often it was delivered, this time included" }),
  sentAt: Time,
  groupId: z.string().optional(),
  dedupId: z.string().optional(),
  priority: z.int(),
  attributes: z.record(z.string(), Attribute),
  bytes: z.int(),
  sentBy: z.string(),
  firstReceivedAt: Time.optional(),
};
export const Received = z.object({ ...seen, receipt: z.string(), leasedUntil: Time });
export const Peeked = z.object({
  ...seen,
  state: z.enum(STATES),
  visibleAt: Time.optional().meta({ description: "Of one that is delayed or in flight" }),
  source: z.string().optional().meta({ description: "Of a dead one: the queue that it died in" }),
  diedAt: Time.optional(),
  reason: z.string().optional().meta({ description: "Why it died" }),
});

export const ListOptions = z
  .strictObject({ limit: z.int().min(1).max(QUEUE_LIMITS.listItems).optional(), cursor: z.string().max(256).optional() })
  .optional();
export const PeekOptions = z
  .strictObject({ limit: z.int().min(1).max(QUEUE_LIMITS.receiveMessages).optional(), cursor: z.string().max(64).optional() })
  .optional();
export const PeekedPage = z.object({ items: z.array(Peeked), cursor: z.string().optional() });

export const Outcome = z.object({
  ok: z.int(),
  failed: z.array(z.object({ receipt: z.string(), reason: z.enum(["INVALID", "STALE", "EXPIRED", "TOO_LONG"]), message: z.string() })),
});

export const RedriveOptions = z
  .strictObject({
    ids: z.array(MessageId).min(1).max(QUEUE_LIMITS.listItems).optional(),
    max: z.int().min(1).max(QUEUE_LIMITS.listItems).optional().meta({ description: "Default 1,000" }),
    to: QueueName.optional().meta({ description: "Default: the queue that each died in" }),
    idempotencyKey: IdempotencyKey,
  })
  .optional();

const timeoutMs = z.int().min(1).max(CONSUMER_LIMITS.runMs).optional();
export const Target = z.union(
  [
    z.strictObject({
      code: z.string().min(1).max(CONSUMER_LIMITS.codeCharacters),
      services: z.array(z.string().max(32)).max(8).optional(),
      timeoutMs,
    }),
    z.strictObject({ function: z.string().min(1).max(128), timeoutMs }),
    z.strictObject({
      url: z.url({ protocol: /^https?$/ }).max(2_048),
      headers: z.record(z.string().max(256), z.string().max(8_192)).optional(),
      timeoutMs,
    }),
    z.strictObject({
      service: z.string().min(1).max(32),
      method: z.string().min(1).max(64),
      params: z.array(z.unknown()).max(8).optional(),
    }),
  ],
  "must be { code }, { function }, { url } or { service, method }",
);
export type Target = z.output<typeof Target>;

const consumer = {
  batchSize: z.int().min(1).max(CONSUMER_LIMITS.batchMessages).meta({ description: "Default 10" }),
  batchWaitMs: z
    .int()
    .min(0)
    .max(CONSUMER_LIMITS.batchWaitMs)
    .meta({ description: "How long a batch may wait to become full; default 1,000" }),
  concurrency: z.int().min(1).max(CONSUMER_LIMITS.concurrency).meta({ description: "Batches at a time; default 1" }),
};
export const SubscribeOptions = z.strictObject(consumer).partial().optional();

export const Consumer = z.object({
  target: Target,
  ...consumer,
  by: z.object({ kind: z.string(), id: z.string() }),
  state: z.enum(["active", "stopped"]),
  stoppedBecause: z.string().optional(),
  failures: z.int().meta({ description: "Batches that failed, one after the other, until now" }),
  lastError: z.string().optional(),
  subscribedAt: Time,
});

export const Queue = z.object({
  name: z.string(),
  type: z.enum(["standard", "fifo"]),
  ...settings,
  paused: z.boolean(),
  createdAt: Time,
  updatedAt: Time,
  consumer: Consumer.optional(),
});

export const Stats = z.object({
  ready: z.int(),
  delayed: z.int(),
  inFlight: z.int(),
  dead: z.int().meta({ description: "That stay in this queue; those of a dead letter queue are counted there" }),
  bytes: z.int(),
  oldestAgeMs: z.int().nullable(),
  totals: z.object({
    sent: z.int(),
    delivered: z.int(),
    acked: z.int(),
    retried: z.int(),
    died: z.int(),
    expired: z.int(),
  }),
  rates: z.object({ sentPerMinute: z.int(), deliveredPerMinute: z.int(), ackedPerMinute: z.int() }),
});

export const TailOptions = z
  .strictObject({
    cursor: z.string().max(32).optional().meta({ description: "Of the answer before; without it: from now on" }),
    waitMs: z.int().min(0).max(TAIL_LIMITS.waitMs).optional(),
  })
  .optional();
export const EVENTS = ["sent", "delivered", "acked", "retried", "died", "expired", "cancelled", "redriven", "purged"] as const;
export const Tailed = z.object({
  events: z.array(
    z.object({ at: Time, event: z.enum(EVENTS), id: z.string().optional(), attempts: z.int().optional(), detail: z.string().optional() }),
  ),
  cursor: z.string(),
});

export const SqsCredentials = z.object({
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  region: z.string(),
  path: z.string().meta({ description: "The endpoint is this path on the server" }),
});
