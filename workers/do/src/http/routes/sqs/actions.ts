import * as z from "zod";
import type { QueueInfo, QueuePage, ReceiptOutcome } from "../../../../../../sdk/src/queue.ts";
import { arnOf, queueOfArn, settingsOf, urlOf } from "./attributes.ts";
import { invalidValue, missing, noSuchQueue, SqsError } from "./errors.ts";
import { checkEntries, failureOf, partial } from "./batch.ts";
import { queueOf, type SqsContext } from "./context.ts";
import { createQueue, getQueueAttributes, listQueues } from "./queues.ts";
import { receiveMessage } from "./receiving.ts";
import { sendMessage, sendMessageBatch } from "./sending.ts";
import { Entry } from "./messages.ts";

/** One action of SQS: what it accepts, and what it does. */
interface Action {
  readonly shape: z.ZodType;
  readonly run: (input: never, context: SqsContext) => Promise<object>;
}

function action<S extends z.ZodType>(shape: S, run: (input: z.output<S>, context: SqsContext) => Promise<object>): Action {
  return { shape, run };
}

const QueueUrl = z.string().max(2_048);
const OnQueue = z.object({ QueueUrl });
const Names = z.array(z.string().max(256)).max(100).optional();
const Handle = z.string().max(1_024);
const Visibility = z.int().min(0).max(43_200);
const BatchId = z.string();

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
