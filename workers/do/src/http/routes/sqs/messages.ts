import { createHash } from "node:crypto";
import * as z from "zod";
import type { QueueAttribute, ReceivedMessage, SendMessageOptions } from "../../../../../../sdk/src/queue.ts";
import { encodeValue } from "../../../../../../sdk/src/values.ts";
import { invalidValue, SqsError } from "./errors.ts";

/** A message of SQS, and its digests: the client computes them, too, and compares. */

const DataType = z.string().regex(/^(?:String|Number|Binary)(?:\.[\w.-]{1,200})?$/);
const AttributeValue = z.object({ DataType, StringValue: z.string().optional(), BinaryValue: z.base64().optional() });
export const MessageAttributes = z.record(z.string(), AttributeValue);

export const Entry = z.object({
  MessageBody: z.string(),
  DelaySeconds: z.int().min(0).max(900).optional(),
  MessageAttributes: MessageAttributes.optional(),
  MessageDeduplicationId: z.string().optional(),
  MessageGroupId: z.string().optional(),
});
export type Entry = z.output<typeof Entry>;

export function sendingOf(entry: Entry): SendMessageOptions {
  if (entry.MessageBody === "") throw invalidValue("The request must contain a MessageBody that is not empty.");
  // XML 1.0 is what SQS takes: no control characters but tab and the ends of lines.
  // oxlint-disable-next-line no-control-regex -- these are meant
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(entry.MessageBody)) {
    throw new SqsError("InvalidMessageContents", "The message contains characters outside the allowed set.");
  }
  const { DelaySeconds, MessageAttributes: attributes, MessageDeduplicationId, MessageGroupId } = entry;
  return {
    delaySeconds: DelaySeconds,
    groupId: MessageGroupId,
    dedupId: MessageDeduplicationId,
    ...(attributes
      ? { attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attributeOf(name, value)])) }
      : {}),
  };
}

function attributeOf(name: string, { DataType: type, StringValue, BinaryValue }: z.output<typeof AttributeValue>): QueueAttribute {
  const value = type.startsWith("Binary") ? BinaryValue : StringValue;
  if (value === undefined || value === "") throw invalidValue(`The message attribute ${name} must contain a value of its type ${type}.`);
  return { type, value };
}

export function sentOf(entry: Entry, id: string) {
  const { MessageAttributes: attributes } = entry;
  const { attributes: stored = {} } = sendingOf(entry);
  return {
    MessageId: id,
    MD5OfMessageBody: md5(entry.MessageBody),
    ...(attributes && Object.keys(attributes).length > 0 ? { MD5OfMessageAttributes: md5OfAttributes(stored) } : {}),
  };
}

/** @param wanted names of attributes of the system and of the sender; `All` and `prefix.*` count */
export function receivedOf(message: ReceivedMessage, system: readonly string[], wanted: readonly string[]) {
  const body = textOf(message.body);
  const attributes = Object.fromEntries(
    Object.entries(message.attributes).filter(([name]) => wanted.some((pattern) => isWanted(pattern, name))),
  );
  const ofSystem = systemAttributes(message, system);
  return {
    MessageId: message.id,
    ReceiptHandle: message.receipt,
    Body: body,
    MD5OfBody: md5(body),
    ...(Object.keys(ofSystem).length > 0 ? { Attributes: ofSystem } : {}),
    ...(Object.keys(attributes).length > 0
      ? { MessageAttributes: wireOf(attributes), MD5OfMessageAttributes: md5OfAttributes(attributes) }
      : {}),
  };
}

function isWanted(pattern: string, name: string): boolean {
  if (pattern === "All" || pattern === ".*") return true;
  return pattern.endsWith(".*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function systemAttributes(message: ReceivedMessage, wanted: readonly string[]): Record<string, string> {
  const ms = (iso: string) => String(Date.parse(iso));
  const all: Record<string, string> = {
    ApproximateReceiveCount: String(message.attempts),
    SentTimestamp: ms(message.sentAt),
    SenderId: message.sentBy,
    ...(message.firstReceivedAt === undefined ? {} : { ApproximateFirstReceiveTimestamp: ms(message.firstReceivedAt) }),
    ...(message.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
    ...(message.dedupId === undefined ? {} : { MessageDeduplicationId: message.dedupId }),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes("All") || wanted.includes(name)));
}

function wireOf(attributes: Readonly<Record<string, QueueAttribute>>) {
  const entries = Object.entries(attributes).map(([name, attribute]) => {
    const { type, value } = typed(attribute);
    return [name, { DataType: type, ...(type.startsWith("Binary") ? { BinaryValue: value } : { StringValue: value }) }] as const;
  });
  return Object.fromEntries(entries);
}

function typed(attribute: QueueAttribute): { type: string; value: string } {
  return typeof attribute === "string" ? { type: "String", value: attribute } : attribute;
}

/** What was not sent as text is JSON to who reads text. */
function textOf(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(encodeValue(body, "body").value);
}

export function md5(data: string | Uint8Array): string {
  return createHash("md5").update(data).digest("hex");
}

const encoder = new TextEncoder();

/**
 * Each attribute by name: name, type and value with their lengths, and a byte that tells text from bytes.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
export function md5OfAttributes(attributes: Readonly<Record<string, QueueAttribute>>): string {
  const hash = createHash("md5");
  const part = (bytes: Uint8Array) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.byteLength);
    hash.update(length).update(bytes);
  };
  for (const [name, attribute] of Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { type, value } = typed(attribute);
    const isBinary = type.startsWith("Binary");
    part(encoder.encode(name));
    part(encoder.encode(type));
    hash.update(Uint8Array.of(isBinary ? 2 : 1));
    part(isBinary ? Uint8Array.from(atob(value), (c) => c.charCodeAt(0)) : encoder.encode(value));
  }
  return hash.digest("hex");
}
