import * as z from "zod";
import type {
  BatchResult,
  QueueInfo,
  QueuePage,
  QueueStats,
  ReceiptOutcome,
  ReceivedMessage,
  SentMessage,
} from "../../../../../../sdk/src/queue.ts";
import { arnOf, attributesOf, boolean, queueOfArn, settingsOf, SQS_DEFAULTS, urlOf, type Place } from "./attributes.ts";
import { invalidValue, missing, noSuchQueue, SqsError } from "./errors.ts";
import { Entry, receivedOf, sendingOf, sentOf } from "./messages.ts";

export interface SqsContext {
  readonly place: Place;
  /** Calls a method of queue as the caller. */
  readonly queue: (method: string, ...params: readonly unknown[]) => Promise<unknown>;
}

/** One action of SQS: what it accepts, and what it does. */
interface Action {
  readonly shape: z.ZodType;
  readonly run: (input: never, context: SqsContext) => Promise<object>;
}

function action<S extends z.ZodType>(shape: S, run: (input: z.output<S>, context: SqsContext) => Promise<object>): Action {
  return { shape, run };
}

const MAX_ENTRIES = 10;
const MAX_BATCH_BYTES = 1_048_576;
const QueueUrl = z.string().max(2_048);
const OnQueue = z.object({ QueueUrl });
const Names = z.array(z.string().max(256)).max(100).optional();
const Handle = z.string().max(1_024);
const Visibility = z.int().min(0).max(43_200);
const BatchId = z.string();

/** The queue that a URL of ours names. Another host in it is nothing: the request came here. */
function queueOf(url: string, { tenant }: Place): string {
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  const [, account, name] = /^\/sqs\/([^/]+)\/([\w.-]{1,80})$/.exec(path) ?? [];
  if (name === undefined || decodeURIComponent(account ?? "") !== tenant) throw noSuchQueue();
  return name;
}

export const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["CreateQueue", action(z.object({ QueueName: z.string(), Attributes: z.record(z.string(), z.string()).optional() }), createQueue)],
  [
    "DeleteQueue",
    action(OnQueue, async ({ QueueUrl: url }, { place, queue }) => {
      const { deleted } = (await queue("delete", queueOf(url, place))) as { deleted: boolean };
      if (!deleted) throw noSuchQueue();
      return {};
    }),
  ],
  [
    "GetQueueUrl",
    action(z.object({ QueueName: z.string() }), async ({ QueueName }, { place, queue }) => {
      await queue("describe", QueueName);
      return { QueueUrl: urlOf(place, QueueName) };
    }),
  ],
  [
    "ListQueues",
    action(
      z.object({
        QueueNamePrefix: z.string().optional(),
        MaxResults: z.int().min(1).max(1_000).optional(),
        NextToken: z.string().optional(),
      }),
      listQueues,
    ),
  ],
  ["GetQueueAttributes", action(OnQueue.extend({ AttributeNames: Names }), getQueueAttributes)],
  [
    "SetQueueAttributes",
    action(OnQueue.extend({ Attributes: z.record(z.string(), z.string()) }), async ({ QueueUrl: url, Attributes }, { place, queue }) => {
      if ("FifoQueue" in Attributes)
        throw new SqsError("InvalidAttributeName", "You can specify FifoQueue only when you create the queue.");
      await queue("update", queueOf(url, place), settingsOf(Attributes, place));
      return {};
    }),
  ],
  [
    "PurgeQueue",
    action(OnQueue, async ({ QueueUrl: url }, { place, queue }) => {
      await queue("purge", queueOf(url, place));
      return {};
    }),
  ],
  ["SendMessage", action(Entry.extend({ QueueUrl }), sendMessage)],
  ["SendMessageBatch", action(OnQueue.extend({ Entries: z.array(Entry.extend({ Id: BatchId })) }), sendMessageBatch)],
  [
    "ReceiveMessage",
    action(
      OnQueue.extend({
        AttributeNames: Names,
        MessageSystemAttributeNames: Names,
        MessageAttributeNames: Names,
        MaxNumberOfMessages: z.int().min(1).max(10).optional(),
        VisibilityTimeout: Visibility.optional(),
        WaitTimeSeconds: z.int().min(0).max(20).optional(),
      }),
      receiveMessage,
    ),
  ],
  [
    "DeleteMessage",
    action(OnQueue.extend({ ReceiptHandle: Handle }), async ({ QueueUrl: url, ReceiptHandle }, { place, queue }) => {
      const { failed } = (await queue("ack", queueOf(url, place), [ReceiptHandle])) as ReceiptOutcome;
      // What is gone already is deleted, as SQS sees it.
      if (failed[0]?.reason === "INVALID")
        throw new SqsError("ReceiptHandleIsInvalid", `The input receipt handle is invalid: ${failed[0].message}.`);
      return {};
    }),
  ],
  [
    "DeleteMessageBatch",
    action(
      OnQueue.extend({ Entries: z.array(z.object({ Id: BatchId, ReceiptHandle: Handle })) }),
      async ({ QueueUrl: url, Entries }, { place, queue }) => {
        checkEntries(Entries);
        const { failed } = (await queue(
          "ack",
          queueOf(url, place),
          Entries.map(({ ReceiptHandle }) => ReceiptHandle),
        )) as ReceiptOutcome;
        return partial(Entries, (entry) =>
          failureOf(
            failed.filter(({ reason }) => reason === "INVALID"),
            entry.ReceiptHandle,
          ),
        );
      },
    ),
  ],
  [
    "ChangeMessageVisibility",
    action(
      OnQueue.extend({ ReceiptHandle: Handle, VisibilityTimeout: Visibility }),
      async ({ QueueUrl: url, ReceiptHandle, VisibilityTimeout }, { place, queue }) => {
        const { failed } = (await queue("extend", queueOf(url, place), [ReceiptHandle], VisibilityTimeout)) as ReceiptOutcome;
        const failure = failureOf(failed, ReceiptHandle);
        if (failure) throw failure;
        return {};
      },
    ),
  ],
  [
    "ChangeMessageVisibilityBatch",
    action(
      OnQueue.extend({ Entries: z.array(z.object({ Id: BatchId, ReceiptHandle: Handle, VisibilityTimeout: Visibility })) }),
      async ({ QueueUrl: url, Entries }, { place, queue }) => {
        checkEntries(Entries);
        const failures = new Map<string, SqsError>();
        for (const { ReceiptHandle, VisibilityTimeout } of Entries) {
          // oxlint-disable-next-line no-await-in-loop -- each has a time of its own
          const { failed } = (await queue("extend", queueOf(url, place), [ReceiptHandle], VisibilityTimeout)) as ReceiptOutcome;
          const failure = failureOf(failed, ReceiptHandle);
          if (failure) failures.set(ReceiptHandle, failure);
        }
        return partial(Entries, ({ ReceiptHandle }) => failures.get(ReceiptHandle));
      },
    ),
  ],
  [
    "ListDeadLetterSourceQueues",
    action(OnQueue.extend({ MaxResults: z.int().min(1).max(1_000).optional() }), async ({ QueueUrl: url }, { place, queue }) => {
      const name = queueOf(url, place);
      await queue("describe", name);
      const { items } = (await queue("list", { limit: 1_000 })) as QueuePage<QueueInfo>;
      return { queueUrls: items.filter(({ deadLetterQueue }) => deadLetterQueue === name).map((info) => urlOf(place, info.name)) };
    }),
  ],
  [
    "StartMessageMoveTask",
    action(
      z.object({ SourceArn: z.string(), DestinationArn: z.string().optional() }),
      async ({ SourceArn, DestinationArn }, { place, queue }) => {
        const to = DestinationArn === undefined ? {} : { to: queueOfArn(DestinationArn, place) };
        // Done when it is answered: there is no task to ask about.
        await queue("redrive", queueOfArn(SourceArn, place), to);
        return { TaskHandle: `done:${arnOf(place, queueOfArn(SourceArn, place))}` };
      },
    ),
  ],
]);

async function createQueue(input: { QueueName: string; Attributes?: Record<string, string> | undefined }, { place, queue }: SqsContext) {
  const { QueueName: name, Attributes: attributes = {} } = input;
  const isFifo = "FifoQueue" in attributes && boolean("FifoQueue", attributes["FifoQueue"] ?? "");
  if (isFifo !== name.endsWith(".fifo"))
    throw invalidValue(
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
    );
  const wanted = settingsOf(attributes, place);
  const existing = await found(queue, name);
  if (!existing) await queue("create", name, { ...SQS_DEFAULTS, ...wanted });
  // Of one that is there, only what is said now must be the same.
  else await queue("create", name, wanted);
  return { QueueUrl: urlOf(place, name) };
}

async function found(queue: SqsContext["queue"], name: string): Promise<unknown> {
  try {
    return await queue("describe", name);
  } catch (error) {
    if (error instanceof Error && "reason" in error && error.reason === "QUEUE_NOT_FOUND") return undefined;
    throw error;
  }
}

async function listQueues(
  {
    QueueNamePrefix: prefix = "",
    MaxResults: limit = 1_000,
    NextToken,
  }: { QueueNamePrefix?: string | undefined; MaxResults?: number | undefined; NextToken?: string | undefined },
  { place, queue }: SqsContext,
) {
  const urls: string[] = [];
  let cursor = NextToken;
  do {
    // oxlint-disable-next-line no-await-in-loop -- page after page
    const page = (await queue("list", { limit, ...(cursor === undefined ? {} : { cursor }) })) as QueuePage<QueueInfo>;
    for (const { name } of page.items) if (name.startsWith(prefix)) urls.push(urlOf(place, name));
    cursor = page.cursor;
  } while (cursor !== undefined && urls.length < limit);
  return { QueueUrls: urls, ...(cursor === undefined ? {} : { NextToken: cursor }) };
}

async function getQueueAttributes(input: { QueueUrl: string; AttributeNames?: string[] | undefined }, { place, queue }: SqsContext) {
  const { QueueUrl: url, AttributeNames: names = [] } = input;
  const name = queueOf(url, place);
  const all = attributesOf((await queue("describe", name)) as QueueInfo, (await queue("stats", name)) as QueueStats, place);
  const Attributes = Object.fromEntries(Object.entries(all).filter(([key]) => names.includes("All") || names.includes(key)));
  return Object.keys(Attributes).length > 0 ? { Attributes } : {};
}

async function sendMessage(input: Entry & { QueueUrl: string }, { place, queue }: SqsContext) {
  const name = queueOf(input.QueueUrl, place);
  await checkDedup(queue, name, [input]);
  const { id } = (await queue("send", name, input.MessageBody, sendingOf(input))) as SentMessage;
  return sentOf(input, id);
}

async function sendMessageBatch(
  { QueueUrl: url, Entries }: { QueueUrl: string; Entries: (Entry & { Id: string })[] },
  { place, queue }: SqsContext,
) {
  checkEntries(Entries);
  const name = queueOf(url, place);
  const bytes = Entries.reduce((sum, { MessageBody }) => sum + new TextEncoder().encode(MessageBody).byteLength, 0);
  if (bytes > MAX_BATCH_BYTES)
    throw new SqsError(
      "BatchRequestTooLong",
      `Batch requests cannot be longer than ${MAX_BATCH_BYTES} bytes. You have sent ${bytes} bytes.`,
      "AWS.SimpleQueueService.BatchRequestTooLong",
    );
  await checkDedup(queue, name, Entries);
  const { results } = (await queue(
    "sendBatch",
    name,
    Entries.map((entry) => ({ body: entry.MessageBody, ...sendingOf(entry) })),
  )) as { results: BatchResult[] };
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const [i, result] of results.entries()) {
    const entry = Entries[i];
    if (!entry) continue;
    if ("id" in result) Successful.push({ Id: entry.Id, ...sentOf(entry, result.id) });
    else
      Failed.push({
        Id: entry.Id,
        SenderFault: true,
        Code: result.error.reason === "GROUP_MISSING" ? "MissingParameter" : "InvalidParameterValue",
        Message: result.error.message,
      });
  }
  return { Successful, Failed };
}

/** A FIFO queue of SQS wants to know what a duplicate is: by an id, or by content. */
async function checkDedup(queue: SqsContext["queue"], name: string, entries: readonly Entry[]): Promise<void> {
  if (!name.endsWith(".fifo") || entries.every(({ MessageDeduplicationId }) => MessageDeduplicationId !== undefined)) return;
  const { contentDedup } = (await queue("describe", name)) as QueueInfo;
  if (!contentDedup)
    throw invalidValue("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
}

async function receiveMessage(
  input: {
    QueueUrl: string;
    AttributeNames?: string[] | undefined;
    MessageSystemAttributeNames?: string[] | undefined;
    MessageAttributeNames?: string[] | undefined;
    MaxNumberOfMessages?: number | undefined;
    VisibilityTimeout?: number | undefined;
    WaitTimeSeconds?: number | undefined;
  },
  { place, queue }: SqsContext,
) {
  const { MaxNumberOfMessages: max = 1, VisibilityTimeout, WaitTimeSeconds: waitSeconds = 0 } = input;
  const options = { max, waitSeconds, ...(VisibilityTimeout === undefined ? {} : { visibilityTimeoutSeconds: VisibilityTimeout }) };
  const { messages } = (await queue("receive", queueOf(input.QueueUrl, place), options)) as { messages: ReceivedMessage[] };
  const system = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
  return messages.length > 0 ? { Messages: messages.map((message) => receivedOf(message, system, input.MessageAttributeNames ?? [])) } : {};
}

function checkEntries(entries: readonly { Id: string }[]): void {
  const prefix = "AWS.SimpleQueueService.";
  if (entries.length === 0)
    throw new SqsError("EmptyBatchRequest", "There should be at least one entry in the request.", `${prefix}EmptyBatchRequest`);
  if (entries.length > MAX_ENTRIES) {
    throw new SqsError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${MAX_ENTRIES}. You have sent ${entries.length}.`,
      `${prefix}TooManyEntriesInBatchRequest`,
    );
  }
  const bad = entries.find(({ Id }) => !/^[\w-]{1,80}$/.test(Id));
  if (bad)
    throw new SqsError(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      `${prefix}InvalidBatchEntryId`,
    );
  if (new Set(entries.map(({ Id }) => Id)).size !== entries.length)
    throw new SqsError(
      "BatchEntryIdsNotDistinct",
      "Two or more batch entries in the request have the same Id.",
      `${prefix}BatchEntryIdsNotDistinct`,
    );
}

function failureOf(failed: ReceiptOutcome["failed"], receipt: string): SqsError | undefined {
  const failure = failed.find((one) => one.receipt === receipt);
  switch (failure?.reason) {
    case undefined:
      return undefined;
    case "INVALID":
      return new SqsError("ReceiptHandleIsInvalid", `The input receipt handle is invalid: ${failure?.message ?? ""}.`);
    case "TOO_LONG":
      return invalidValue(`Value for parameter VisibilityTimeout is invalid: ${failure?.message ?? ""}.`);
    default:
      return new SqsError(
        "MessageNotInflight",
        `The message is not in flight: ${failure?.message ?? ""}.`,
        "AWS.SimpleQueueService.MessageNotInflight",
      );
  }
}

function partial<E extends { Id: string }>(entries: readonly E[], errorOf: (entry: E) => SqsError | undefined) {
  const failed = entries.flatMap((entry) => {
    const error = errorOf(entry);
    return error ? [{ Id: entry.Id, SenderFault: true, Code: error.type, Message: error.message }] : [];
  });
  const isFailed = new Set(failed.map(({ Id }) => Id));
  return { Successful: entries.filter(({ Id }) => !isFailed.has(Id)).map(({ Id }) => ({ Id })), Failed: failed };
}

/** @throws SqsError for an action that there is not, or input that is not its */
export async function act(target: string, input: unknown, context: SqsContext): Promise<object> {
  const known = ACTIONS.get(target);
  if (!known)
    throw new SqsError(
      "UnsupportedOperation",
      `The action ${target.slice(0, 64)} is not supported here.`,
      "AWS.SimpleQueueService.UnsupportedOperation",
    );
  const parsed = known.shape.safeParse(input);
  if (parsed.success) return known.run(parsed.data as never, context);
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  if (issue?.code === "invalid_type" && issue.input === undefined && path !== "") throw missing(path);
  throw invalidValue(`Value for parameter ${path || "the request"} is invalid: ${issue?.message ?? "it is not valid"}.`);
}
