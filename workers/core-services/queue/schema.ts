import * as z from "zod";
import { defineMethod, defineService } from "../shared/method.ts";
import * as s from "./shapes.ts";

const QUEUE = ["queue", s.QueueName] as const;
const NAME = ["name", s.QueueName] as const;
const RECEIPTS = ["receipts", s.Receipts] as const;
const resource = ([queue]: readonly unknown[]) => String(queue);

/** Also the queue that dead messages go to: who names it decides what comes into it. */
function withGrave([queue, settings]: readonly unknown[]): string[] {
  const { deadLetterQueue } = (settings ?? {}) as { deadLetterQueue?: string | null };
  return [String(queue), ...(typeof deadLetterQueue === "string" ? [deadLetterQueue] : [])];
}

function withTarget([queue, options]: readonly unknown[]): string[] {
  const { to } = (options ?? {}) as { to?: string };
  return [String(queue), ...(to === undefined ? [] : [to])];
}

export const queueDefinition = defineService({
  name: "queue",
  summary: "Work that is not lost: standard and FIFO queues, pulled or pushed to consumers",
  methods: {
    create: defineMethod({
      summary: "Makes a queue; one that is there with the same settings is the answer",
      access: "manage",
      params: [NAME, ["options", s.CreateOptions.optional()]],
      result: s.Queue,
      resource: withGrave,
    }),
    update: defineMethod({
      summary: "Changes settings of a queue; what is not named stays",
      access: "manage",
      params: [NAME, ["settings", s.Settings]],
      result: s.Queue,
      resource: withGrave,
    }),
    delete: defineMethod({
      summary: "Deletes a queue with all that is in it; false when there was none",
      access: "manage",
      params: [NAME],
      result: z.object({ deleted: z.boolean() }),
      resource,
    }),
    list: defineMethod({
      summary: "The tenant's queues, by name",
      access: "read",
      params: [["options", s.ListOptions]],
      result: z.object({ items: z.array(s.Queue), cursor: z.string().optional() }),
    }),
    describe: defineMethod({
      summary: "A queue: its settings, and its consumer with how it fares",
      access: "read",
      params: [NAME],
      result: s.Queue,
      resource,
    }),
    stats: defineMethod({
      summary: "How much is in a queue, and how much went through it",
      access: "read",
      params: [QUEUE],
      result: s.Stats,
      resource,
    }),
    send: defineMethod({
      summary: "Puts a message into a queue; `duplicate` when one with its dedupId was there within the window",
      access: "write",
      params: [QUEUE, ["message", s.Message], ["options", s.SendOptions.optional()]],
      result: s.Sent,
      resource,
    }),
    sendBatch: defineMethod({
      summary: "Puts messages into a queue; each by itself is sent or refused, in one transaction",
      access: "write",
      params: [QUEUE, ["messages", s.NewMessages], ["options", s.Keyed]],
      result: z.object({ results: z.array(s.BatchResult) }),
      resource,
    }),
    receive: defineMethod({
      summary: "Takes messages under a lease; who does not acknowledge in time lets others have them",
      access: "write",
      params: [QUEUE, ["options", s.ReceiveOptions.optional()]],
      result: z.object({ messages: z.array(s.Received) }),
      resource,
    }),
    ack: defineMethod({
      summary: "These are done: they go",
      access: "write",
      params: [QUEUE, RECEIPTS],
      result: s.Outcome,
      resource,
    }),
    retry: defineMethod({
      summary: "These are to be tried again, at once or after a delay; after the last try they are dead",
      access: "write",
      params: [QUEUE, RECEIPTS, ["options", z.strictObject({ delaySeconds: s.RetryDelay.optional() }).optional()]],
      result: s.Outcome,
      resource,
    }),
    extend: defineMethod({
      summary: "Leases these for so many seconds from now; 0 ends the lease",
      access: "write",
      params: [QUEUE, RECEIPTS, ["seconds", s.RetryDelay]],
      result: s.Outcome,
      resource,
    }),
    peek: defineMethod({
      summary: "What is in a queue, in the order in which it was sent, without taking it",
      access: "read",
      params: [QUEUE, ["options", s.PeekOptions]],
      result: s.PeekedPage,
      resource,
    }),
    get: defineMethod({
      summary: "One message that is in a queue",
      access: "read",
      params: [QUEUE, ["id", s.MessageId]],
      result: s.Peeked,
      resource,
    }),
    cancel: defineMethod({
      summary: "Takes a message out that is not in flight",
      access: "write",
      params: [QUEUE, ["id", s.MessageId]],
      result: z.object({ cancelled: z.boolean() }),
      resource,
    }),
    purge: defineMethod({
      summary: "Takes everything out, also what is in flight or dead",
      access: "manage",
      params: [QUEUE, ["options", s.Keyed]],
      result: z.object({ purged: z.int() }),
      resource,
    }),
    pause: defineMethod({
      summary: "From now on nothing is delivered; sending goes on",
      access: "manage",
      params: [QUEUE],
      result: s.Queue,
      resource,
    }),
    resume: defineMethod({
      summary: "Ends a pause",
      access: "manage",
      params: [QUEUE],
      result: s.Queue,
      resource,
    }),
    listDead: defineMethod({
      summary: "Messages of a queue that were tried too often, wherever they are kept; of a dead letter queue, those that it keeps",
      access: "read",
      params: [QUEUE, ["options", s.PeekOptions]],
      result: s.PeekedPage,
      resource,
    }),
    redrive: defineMethod({
      summary: "Puts dead messages back, as new, into the queue that each died in or into another",
      access: "manage",
      params: [QUEUE, ["options", s.RedriveOptions]],
      result: z.object({ moved: z.int() }),
      resource: withTarget,
    }),
    subscribe: defineMethod({
      summary: "Has a queue's messages pushed in batches: to code, a function, a URL or a service; in the place of the consumer before",
      access: "manage",
      params: [QUEUE, ["target", s.Target], ["options", s.SubscribeOptions]],
      result: s.Queue,
      resource,
    }),
    unsubscribe: defineMethod({
      summary: "Ends pushing; what is in flight is settled by who has it. False when there was no consumer",
      access: "manage",
      params: [QUEUE],
      result: z.object({ unsubscribed: z.boolean() }),
      resource,
    }),
    tail: defineMethod({
      summary: "What happens in a queue, since a cursor or from now on; may wait for something",
      access: "read",
      params: [QUEUE, ["options", s.TailOptions]],
      result: s.Tailed,
      resource,
    }),
    sqsCredentials: defineMethod({
      summary: "What a client of Amazon SQS signs with, for the API key that calls; good for as long as the key is, and for queue alone",
      access: "read",
      params: [],
      result: s.SqsCredentials,
      open: true,
    }),
  },
});
