import * as z from "zod";
import type { QueueInfo, QueueSettings, QueueStats } from "../../../../../../sdk/src/queue.ts";
import { invalidValue, SqsError } from "./errors.ts";

/** How the settings of a queue are called by SQS, and back. Values are text there. */

export interface Place {
  /** Of the server, as the client sees it. */
  readonly origin: string;
  readonly tenant: string;
}

const REGION = "do";
const QueueArn = /^arn:aws:sqs:[\w-]{1,64}:([\w:.@-]{1,128}):([\w.-]{1,80})$/;
const RedrivePolicy = z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().min(1).max(1_000) });

export function arnOf({ tenant }: Place, queue: string): string {
  return `arn:aws:sqs:${REGION}:${tenant}:${queue}`;
}

/** The queue of an ARN of this tenant. */
export function queueOfArn(arn: string, { tenant }: Place): string {
  const [, account, queue] = QueueArn.exec(arn) ?? [];
  if (queue === undefined || account !== tenant) throw invalidValue(`Value ${arn.slice(0, 200)} is no ARN of a queue of ${tenant}`);
  return queue;
}

export function urlOf({ origin, tenant }: Place, queue: string): string {
  return `${origin}/sqs/${encodeURIComponent(tenant)}/${queue}`;
}

/** What SQS has when nothing is said: a message is tried without end until its retention is over. */
export const SQS_DEFAULTS: QueueSettings = { maxRetries: null, maxMessageBytes: 262_144 };

/** Settings of ours from attributes of SQS. `FifoQueue` is not one of them: it never changes. */
export function settingsOf(attributes: Readonly<Record<string, string>>, place: Place): QueueSettings {
  const settings: QueueSettings = {};
  for (const [name, value] of Object.entries(attributes)) Object.assign(settings, settingOf(name, value, place));
  return settings;
}

function settingOf(name: string, value: string, place: Place): QueueSettings {
  switch (name) {
    case "VisibilityTimeout":
      return { visibilityTimeoutSeconds: integer(name, value, 0, 43_200) };
    case "DelaySeconds":
      return { delaySeconds: integer(name, value, 0, 900) };
    case "MessageRetentionPeriod":
      return { retentionSeconds: integer(name, value, 60, 1_209_600) };
    case "MaximumMessageSize":
      return { maxMessageBytes: integer(name, value, 1_024, 1_048_576) };
    case "ContentBasedDeduplication":
      return { contentDedup: boolean(name, value) };
    case "RedrivePolicy":
      return redriveOf(value, place);
    case "FifoQueue":
      return {};
    case "ReceiveMessageWaitTimeSeconds":
      // A receive says itself how long it waits; only "not at all" is what a queue can say.
      integer(name, value, 0, 0);
      return {};
    default:
      throw new SqsError("InvalidAttributeName", `Unknown or unsupported attribute ${name.slice(0, 100)}.`);
  }
}

function redriveOf(value: string, place: Place): QueueSettings {
  if (value === "") return { deadLetterQueue: null, maxRetries: null };
  const parsed = RedrivePolicy.safeParse(jsonOf(value));
  if (!parsed.success) throw invalidAttribute("RedrivePolicy", "it must be JSON with deadLetterTargetArn and maxReceiveCount, 1 to 1000");
  return { deadLetterQueue: queueOfArn(parsed.data.deadLetterTargetArn, place), maxRetries: parsed.data.maxReceiveCount - 1 };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function integer(name: string, value: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw invalidAttribute(name, `it must be ${least === most ? least : `${least} to ${most}`}`);
}

export function boolean(name: string, value: string): boolean {
  if (value === "true" || value === "false") return value === "true";
  throw invalidAttribute(name, "it must be true or false");
}

function invalidAttribute(name: string, why: string): SqsError {
  return new SqsError("InvalidAttributeValue", `Invalid value for the parameter ${name}: ${why}.`);
}

/** The attributes of a queue, all of them. */
export function attributesOf(info: QueueInfo, stats: QueueStats, place: Place): Record<string, string> {
  const { maxRetries, deadLetterQueue } = info;
  return {
    QueueArn: arnOf(place, info.name),
    VisibilityTimeout: String(info.visibilityTimeoutSeconds),
    DelaySeconds: String(info.delaySeconds),
    MessageRetentionPeriod: String(info.retentionSeconds),
    MaximumMessageSize: String(info.maxMessageBytes),
    ReceiveMessageWaitTimeSeconds: "0",
    CreatedTimestamp: seconds(info.createdAt),
    LastModifiedTimestamp: seconds(info.updatedAt),
    ApproximateNumberOfMessages: String(stats.ready),
    ApproximateNumberOfMessagesDelayed: String(stats.delayed),
    ApproximateNumberOfMessagesNotVisible: String(stats.inFlight),
    ...(info.type === "fifo" ? { FifoQueue: "true", ContentBasedDeduplication: String(info.contentDedup) } : {}),
    ...(deadLetterQueue !== null && maxRetries !== null
      ? { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf(place, deadLetterQueue), maxReceiveCount: maxRetries + 1 }) }
      : {}),
  };
}

function seconds(iso: string): string {
  return String(Math.floor(Date.parse(iso) / 1_000));
}
