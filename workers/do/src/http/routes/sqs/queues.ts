import type { QueueInfo, QueuePage, QueueStats } from "../../../../../../sdk/src/queue.ts";
import { attributesOf, boolean, settingsOf, SQS_DEFAULTS, urlOf } from "./attributes.ts";
import { invalidValue } from "./errors.ts";
import { queueOf, type SqsContext } from "./context.ts";

/** Actions on queues, as far as they are more than a call. */

export async function createQueue(
  input: { QueueName: string; Attributes?: Record<string, string> | undefined },
  { place, queue }: SqsContext,
) {
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

export async function listQueues(
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

export async function getQueueAttributes(input: { QueueUrl: string; AttributeNames?: string[] | undefined }, { place, queue }: SqsContext) {
  const { QueueUrl: url, AttributeNames: names = [] } = input;
  const name = queueOf(url, place);
  const all = attributesOf((await queue("describe", name)) as QueueInfo, (await queue("stats", name)) as QueueStats, place);
  const Attributes = Object.fromEntries(Object.entries(all).filter(([key]) => names.includes("All") || names.includes(key)));
  return Object.keys(Attributes).length > 0 ? { Attributes } : {};
}
