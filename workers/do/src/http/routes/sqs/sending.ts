import type { BatchResult, QueueInfo, SentMessage } from "../../../../../../sdk/src/queue.ts";
import { invalidValue, SqsError } from "./errors.ts";
import { Entry, sendingOf, sentOf } from "./messages.ts";
import { checkEntries } from "./batch.ts";
import { queueOf, type SqsContext } from "./context.ts";

/** `SendMessage`, alone and in batches. */

const MAX_BATCH_BYTES = 1_048_576;

export async function sendMessage(input: Entry & { QueueUrl: string }, { place, queue }: SqsContext) {
  const name = queueOf(input.QueueUrl, place);
  await checkDedup(queue, name, [input]);
  const { id } = (await queue("send", name, input.MessageBody, sendingOf(input))) as SentMessage;
  return sentOf(input, id);
}

export async function sendMessageBatch(
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
