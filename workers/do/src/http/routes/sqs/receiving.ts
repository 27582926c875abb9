import type { ReceivedMessage } from "../../../../../../sdk/src/queue.ts";
import { receivedOf } from "./messages.ts";
import { queueOf, type SqsContext } from "./context.ts";

/** `ReceiveMessage`, which waits if it is told to. */
export async function receiveMessage(
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
