/** The most of what Cloudflare Queues and Amazon SQS allow, so that what runs on either runs here. */
export const QUEUE_LIMITS = {
  /** Of a tenant. */
  queues: 1_000,
  /** Body and attributes, a queue may say less, and says 128,000 when nothing is said. */
  messageBytes: 1_048_576,
  batchMessages: 100,
  batchBytes: 1_048_576,
  receiveMessages: 100,
  /** Half of what Workers RPC carries. */
  receiveBytes: 16_777_216,
  waitSeconds: 20,
  /** A lease, with all of its extensions, also the longest delay of a retry. */
  leaseSeconds: 43_200,
  delaySeconds: 86_400,
  leastRetentionSeconds: 60,
  retentionSeconds: 1_209_600,
  retries: 999,
  inFlight: 120_000,
  attributes: 10,
  dedupWindowSeconds: 86_400,
  priority: 9,
  listItems: 1_000,
  /** All that a tenant's queues store, a Durable Object holds 10 GB. */
  storeBytes: 8_589_934_592,
  /** Receives of a tenant that wait for a message. */
  waiting: 1_000,
} as const;

export type QueueLimits = { readonly [K in keyof typeof QUEUE_LIMITS]: number };

export const CONSUMER_LIMITS = {
  batchMessages: 100,
  /** So that it fits into the input of an execution, a larger message comes alone. */
  batchBytes: 524_288,
  batchWaitMs: 60_000,
  concurrency: 20,
  codeCharacters: 262_144,
  /** The lease of a batch that is in a consumer's hands: what was in hand when the process was killed comes again this soon. */
  leaseMs: 12_000,
  /** How often that lease is renewed. */
  beatMs: 4_000,
  /** No tier lets a run have more. */
  runMs: 120_000,
  /** Of a consumer whose batches fail one after the other. */
  mostPauseMs: 300_000,
} as const;

/** What is kept for who follows a queue live. */
export const TAIL_LIMITS = { events: 1_000, waitMs: 20_000, followedMs: 60_000 } as const;
