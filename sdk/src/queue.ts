/** The service queue, as a caller has it. */

export interface QueueBackoff {
  baseSeconds: number;
  factor: number;
  maxSeconds: number;
}

export interface QueueSettings {
  /** Seconds of a lease: 0 to 43,200; default 30. */
  visibilityTimeoutSeconds?: number | undefined;
  /** Of messages that say none: 0 to 86,400; default 0. */
  delaySeconds?: number | undefined;
  /** 60 to 1,209,600; default 4 days. */
  retentionSeconds?: number | undefined;
  /** 0 to 999; default 3. Null: a message is never dead by having been tried too often. */
  maxRetries?: number | null | undefined;
  /** How long a message waits that a push consumer has failed: base × factor^(attempts - 1), at most max. */
  backoff?: { baseSeconds?: number | undefined; factor?: number | undefined; maxSeconds?: number | undefined } | undefined;
  /** Where dead messages go; null: they stay in the queue, apart. */
  deadLetterQueue?: string | null | undefined;
  /** How long a dedupId counts: 1 to 86,400; default 300. */
  dedupWindowSeconds?: number | undefined;
  /** A message without dedupId has the hash of its body as one. */
  contentDedup?: boolean | undefined;
  /** 1 to 1,048,576; default 128,000. */
  maxMessageBytes?: number | undefined;
}

export interface CreateQueueOptions extends QueueSettings {
  /** Default: fifo when the name ends with `.fifo`, else standard. */
  type?: "standard" | "fifo" | undefined;
  idempotencyKey?: string | undefined;
}

/** What a queue's messages are pushed to. */
export type QueueTarget =
  | { code: string; services?: string[] | undefined; timeoutMs?: number | undefined }
  | { function: string; timeoutMs?: number | undefined }
  | { url: string; headers?: Record<string, string> | undefined; timeoutMs?: number | undefined }
  | { service: string; method: string; params?: unknown[] | undefined };

export interface ConsumerOptions {
  /** 1 to 100; default 10. */
  batchSize?: number | undefined;
  /** How long a batch may wait to become full: 0 to 60,000; default 1,000. */
  batchWaitMs?: number | undefined;
  /** Batches at a time: 1 to 20; default 1. */
  concurrency?: number | undefined;
}

export interface QueueConsumer {
  target: QueueTarget;
  batchSize: number;
  batchWaitMs: number;
  concurrency: number;
  /** On whose behalf it runs. */
  by: { kind: string; id: string };
  state: "active" | "stopped";
  stoppedBecause?: string | undefined;
  failures: number;
  lastError?: string | undefined;
  subscribedAt: string;
}

export interface QueueInfo {
  name: string;
  type: "standard" | "fifo";
  visibilityTimeoutSeconds: number;
  delaySeconds: number;
  retentionSeconds: number;
  maxRetries: number | null;
  backoff: QueueBackoff;
  deadLetterQueue: string | null;
  dedupWindowSeconds: number;
  contentDedup: boolean;
  maxMessageBytes: number;
  paused: boolean;
  createdAt: string;
  updatedAt: string;
  consumer?: QueueConsumer | undefined;
}

export interface QueueStats {
  ready: number;
  delayed: number;
  inFlight: number;
  /** Those that stay in this queue; those of a dead letter queue are counted there. */
  dead: number;
  bytes: number;
  oldestAgeMs: number | null;
  totals: { sent: number; delivered: number; acked: number; retried: number; died: number; expired: number };
  /** Of the last minute, since the server started. */
  rates: { sentPerMinute: number; deliveredPerMinute: number; ackedPerMinute: number };
}

/** Text, or with a type of SQS; Binary in base64. */
export type QueueAttribute = string | { type: string; value: string };

export interface SendMessageOptions {
  delaySeconds?: number | undefined;
  /** FIFO needs one. */
  groupId?: string | undefined;
  dedupId?: string | undefined;
  /** 0 to 9, the higher first; not in FIFO. */
  priority?: number | undefined;
  attributes?: Record<string, QueueAttribute> | undefined;
}

export interface SentMessage {
  id: string;
  /** There was one with its dedupId within the window: `id` is that one's. */
  duplicate: boolean;
}

export type BatchResult = SentMessage | { error: { code: string; reason?: string | undefined; message: string } };

interface SeenMessage {
  id: string;
  body: unknown;
  attempts: number;
  sentAt: string;
  groupId?: string | undefined;
  dedupId?: string | undefined;
  priority: number;
  attributes: Record<string, QueueAttribute>;
  bytes: number;
  sentBy: string;
  firstReceivedAt?: string | undefined;
}

export interface ReceivedMessage extends SeenMessage {
  /** What it is acknowledged with. */
  receipt: string;
  leasedUntil: string;
}

export interface PeekedMessage extends SeenMessage {
  state: "ready" | "delayed" | "inFlight" | "dead";
  visibleAt?: string | undefined;
  source?: string | undefined;
  diedAt?: string | undefined;
  reason?: string | undefined;
}

export interface QueuePage<T> {
  items: T[];
  cursor?: string | undefined;
}

export interface ReceiptOutcome {
  ok: number;
  failed: { receipt: string; reason: "INVALID" | "STALE" | "EXPIRED" | "TOO_LONG"; message: string }[];
}

interface QueuePageOptions {
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface QueueEvents {
  events: {
    at: string;
    event: "sent" | "delivered" | "acked" | "retried" | "died" | "expired" | "cancelled" | "redriven" | "purged";
    id?: string | undefined;
    attempts?: number | undefined;
    detail?: string | undefined;
  }[];
  cursor: string;
}

interface Keyed {
  idempotencyKey?: string | undefined;
}

/** Work that is not lost: standard and FIFO queues, pulled or pushed to consumers. */
export interface QueueService {
  create(name: string, options?: CreateQueueOptions): Promise<QueueInfo>;
  update(name: string, settings: QueueSettings): Promise<QueueInfo>;
  delete(name: string): Promise<{ deleted: boolean }>;
  list(options?: QueuePageOptions): Promise<QueuePage<QueueInfo>>;
  describe(name: string): Promise<QueueInfo>;
  stats(queue: string): Promise<QueueStats>;
  send(queue: string, message: unknown, options?: SendMessageOptions & Keyed): Promise<SentMessage>;
  /** At most 100 messages of 1 MiB in all; each by itself is sent or refused. */
  sendBatch(queue: string, messages: ({ body: unknown } & SendMessageOptions)[], options?: Keyed): Promise<{ results: BatchResult[] }>;
  receive(
    queue: string,
    options?: { max?: number | undefined; visibilityTimeoutSeconds?: number | undefined; waitSeconds?: number | undefined },
  ): Promise<{ messages: ReceivedMessage[] }>;
  ack(queue: string, receipts: string[]): Promise<ReceiptOutcome>;
  retry(queue: string, receipts: string[], options?: { delaySeconds?: number | undefined }): Promise<ReceiptOutcome>;
  extend(queue: string, receipts: string[], seconds: number): Promise<ReceiptOutcome>;
  peek(queue: string, options?: QueuePageOptions): Promise<QueuePage<PeekedMessage>>;
  /** @throws DoError NOT_FOUND */
  get(queue: string, id: string): Promise<PeekedMessage>;
  /** @throws DoError NOT_FOUND, CONFLICT when it is in flight */
  cancel(queue: string, id: string): Promise<{ cancelled: boolean }>;
  purge(queue: string, options?: Keyed): Promise<{ purged: number }>;
  pause(queue: string): Promise<QueueInfo>;
  resume(queue: string): Promise<QueueInfo>;
  listDead(queue: string, options?: QueuePageOptions): Promise<QueuePage<PeekedMessage>>;
  redrive(
    queue: string,
    options?: { ids?: string[] | undefined; max?: number | undefined; to?: string | undefined } & Keyed,
  ): Promise<{ moved: number }>;
  subscribe(queue: string, target: QueueTarget, options?: ConsumerOptions): Promise<QueueInfo>;
  unsubscribe(queue: string): Promise<{ unsubscribed: boolean }>;
  tail(queue: string, options?: { cursor?: string | undefined; waitMs?: number | undefined }): Promise<QueueEvents>;
  /** @throws DoError UNSUPPORTED for who has not come by an API key */
  sqsCredentials(): Promise<{ accessKeyId: string; secretAccessKey: string; region: string; path: string }>;
}
