import { DoError } from "../../../sdk/src/errors.ts";
import type { Remote } from "../auth/remote.ts";
import { allows } from "../auth/scopes.ts";
import type { Sponsor } from "../shared/background.ts";
import type { Implementation } from "../shared/method.ts";
import { onceKey } from "../shared/once.ts";
import type { Config } from "./engine/book.ts";
import { receiptOf } from "./ids.ts";
import { QUEUE_LIMITS } from "./limits.ts";
import type { Call, Described, Queues } from "./queues.ts";
import type { queueDefinition } from "./schema.ts";
import type { CreateOptions, SqsCredentials, Target } from "./shapes.ts";
import type * as z from "zod";
import { iso, outgoing, peeked, seen } from "./view.ts";

export interface QueueDeps {
  /** Those of the caller's tenant. */
  readonly queues: Remote<Queues>;
  /** Who sends, and whose idempotency keys these are. */
  readonly callerId: string;
  /** Made when it is needed: not everybody can leave work to be done. */
  readonly sponsor: () => Sponsor;
  /** @throws DoError for whom there are none */
  readonly sqsCredentials: () => Promise<z.output<typeof SqsCredentials>>;
  readonly now: () => number;
}

const DEFAULT_MAX = 10;
const DEFAULT_PAGE = 100;
const DEFAULT_TAIL_WAIT_MS = 10_000;

/** What a principal may call, on the queues of its tenant. */
export function queueService(deps: QueueDeps): Implementation<typeof queueDefinition> {
  const { queues, callerId, now } = deps;
  const call = (): Call => ({ nowMs: now() });
  const keyed = (key: string | undefined, method: string, body: unknown): Call => ({
    ...call(),
    once: onceKey(key, method, body, callerId),
  });

  return {
    create: async (name, { idempotencyKey, ...settings } = {}) =>
      described(await queues.create(name, settingsOf(settings), keyed(idempotencyKey, "create", [name, settings]))),
    update: async (name, settings) => described(await queues.update(name, settingsOf(settings), call())),
    delete: (name) => queues.delete(name),
    list: async ({ limit = DEFAULT_PAGE, cursor = "" } = {}) => {
      const found = await queues.list(cursor, limit + 1);
      const items = found.slice(0, limit).map(described);
      const last = items.at(-1);
      return found.length > limit && last ? { items, cursor: last.name } : { items };
    },
    describe: async (name) => described(await queues.describe(name)),
    stats: async (name) => {
      const { rates, ...counts } = await queues.stats(name, call());
      return {
        ...counts,
        rates: { sentPerMinute: rates.sent, deliveredPerMinute: rates.delivered, ackedPerMinute: rates.acked },
      };
    },
    send: async (name, message, { idempotencyKey, ...options } = {}) => {
      const made = outgoing(message, options);
      return queues.send(name, made, callerId, keyed(idempotencyKey, "send", [name, made]));
    },
    sendBatch: async (name, messages, { idempotencyKey } = {}) => {
      const made = messages.map(({ body, ...options }) => outgoing(body, options));
      const bytes = made.reduce((sum, { bytes: size }) => sum + size, 0);
      if (bytes > QUEUE_LIMITS.batchBytes) {
        throw new DoError("TOO_LARGE", `Cannot send to ${name}: a batch must be at most ${QUEUE_LIMITS.batchBytes} bytes, got ${bytes}`, {
          reason: "BATCH_TOO_LARGE",
        });
      }
      return { results: await queues.sendBatch(name, made, callerId, keyed(idempotencyKey, "sendBatch", [name, made])) };
    },
    receive: async (name, { max = DEFAULT_MAX, visibilityTimeoutSeconds, waitSeconds = 0 } = {}) => {
      const delivered = await queues.receive(name, { max, visibilityTimeoutSeconds, waitMs: waitSeconds * 1_000 }, call());
      return {
        messages: delivered.map(({ row }) => ({
          ...seen(row),
          receipt: receiptOf(row.id, row.lease ?? ""),
          leasedUntil: iso(row.visible_ms),
        })),
      };
    },
    ack: (name, receipts) => queues.ack(name, receipts, call()),
    retry: (name, receipts, { delaySeconds = 0 } = {}) => queues.retry(name, receipts, delaySeconds * 1_000, call()),
    extend: (name, receipts, seconds) => queues.extend(name, receipts, seconds * 1_000, call()),
    peek: async (name, { limit = DEFAULT_PAGE, cursor } = {}) => {
      const rows = await queues.peek(name, afterOf(cursor), limit + 1, call());
      return pageOf(rows, limit);
    },
    get: async (name, id) => peeked(await queues.get(name, id, call())),
    cancel: async (name, id) => {
      await queues.cancel(name, id, call());
      return { cancelled: true };
    },
    purge: (name, { idempotencyKey } = {}) => queues.purge(name, keyed(idempotencyKey, "purge", [name])),
    pause: async (name) => described(await queues.setPaused(name, true, call())),
    resume: async (name) => described(await queues.setPaused(name, false, call())),
    listDead: async (name, { limit = DEFAULT_PAGE, cursor } = {}) => {
      const rows = await queues.letters(name, afterOf(cursor), limit + 1, call());
      return pageOf(rows, limit);
    },
    redrive: (name, { ids, max = QUEUE_LIMITS.listItems, to, idempotencyKey } = {}) =>
      queues.redrive(name, { ids, max, to }, keyed(idempotencyKey, "redrive", [name, ids, max, to])),
    subscribe: async (name, target, { batchSize = DEFAULT_MAX, batchWaitMs = 1_000, concurrency = 1 } = {}) => {
      const sponsor = deps.sponsor();
      mayRun(sponsor, target);
      const context = call();
      const consumer = { target, batchSize, batchWaitMs, concurrency, sponsor, subscribedMs: context.nowMs };
      return described(await queues.subscribe(name, consumer, context));
    },
    unsubscribe: (name) => queues.unsubscribe(name, call()),
    tail: async (name, { cursor, waitMs = DEFAULT_TAIL_WAIT_MS } = {}) => {
      const { events, cursor: next } = await queues.follow(name, cursorOf(cursor), waitMs);
      return { events: events.map(({ atMs, ...event }) => ({ at: iso(atMs), ...event })), cursor: String(next) };
    },
    sqsCredentials: () => deps.sqsCredentials(),
  };
}

function settingsOf(settings: Omit<z.output<typeof CreateOptions>, "idempotencyKey">): Partial<Config> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<Config>;
}

/** @throws DoError PERMISSION_DENIED: better now than when a message is there */
function mayRun({ scopes }: Sponsor, target: Target): void {
  if (!("code" in target) || allows(scopes, "executions", "write", "*")) return;
  throw new DoError("PERMISSION_DENIED", "Cannot subscribe code: it needs the scope executions:write", {
    reason: "MISSING_SCOPE",
    details: { scope: "executions:write" },
  });
}

function described({ queue: { name, config, paused, createdMs, updatedMs, consumer }, health }: Described) {
  return {
    name,
    ...config,
    paused,
    createdAt: iso(createdMs),
    updatedAt: iso(updatedMs),
    ...(consumer ? { consumer: { ...consumerOf(consumer), ...health } } : {}),
  };
}

function consumerOf(consumer: NonNullable<Described["queue"]["consumer"]>) {
  const { target, batchSize, batchWaitMs, concurrency, sponsor, stoppedBecause, subscribedMs } = consumer;
  return {
    target: withoutSecrets(target),
    batchSize,
    batchWaitMs,
    concurrency,
    by: { kind: sponsor.principal.kind, id: sponsor.principal.id },
    state: stoppedBecause === undefined ? ("active" as const) : ("stopped" as const),
    ...(stoppedBecause === undefined ? {} : { stoppedBecause }),
    subscribedAt: iso(subscribedMs),
  };
}

/** Headers of a URL may hold a secret of whoever subscribed; who reads about the queue need not be that one. */
function withoutSecrets(target: Target): Target {
  if (!("url" in target) || !target.headers) return target;
  return { ...target, headers: Object.fromEntries(Object.keys(target.headers).map((name) => [name, "..."])) };
}

function pageOf(rows: readonly Parameters<typeof peeked>[0][], limit: number) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items: items.map(peeked), ...(rows.length > limit && last ? { cursor: String(last.seq) } : {}) };
}

function afterOf(cursor: string | undefined): number {
  return cursorOf(cursor) ?? -1;
}

function cursorOf(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new DoError("INVALID_ARGUMENT", "The cursor must be one of an answer before", { reason: "CURSOR" });
}
