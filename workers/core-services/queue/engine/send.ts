import { createHash } from "node:crypto";
import { DoError } from "../../../../sdk/src/errors.ts";
import { messageId, random40 } from "../ids.ts";
import type { QueueRecord } from "./book.ts";
import type { Core } from "./core.ts";
import { DELAYED, READY, type MessageRow } from "./messages.ts";

/** A message as it comes from outside, its body already text. */
export interface Outgoing {
  readonly body: string;
  readonly types: string | null;
  readonly attributes: string | null;
  readonly bytes: number;
  readonly delaySeconds: number | undefined;
  readonly groupId: string | undefined;
  readonly dedupId: string | undefined;
  readonly priority: number | undefined;
}

export interface SentMessage {
  id: string;
  duplicate: boolean;
}

export interface Refusal {
  error: { code: string; reason?: string; message: string };
}

/** Puts messages into a queue, each by itself: what is wrong with one keeps no other out. */
export class Sender {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  send(queue: QueueRecord, message: Outgoing, sender: string, nowMs: number): SentMessage {
    const sent = this.#put(queue, message, sender, nowMs, new Map());
    if (!sent.duplicate) this.#count(queue, 1, message.bytes);
    return sent;
  }

  batch(queue: QueueRecord, outgoing: readonly Outgoing[], sender: string, nowMs: number): (SentMessage | Refusal)[] {
    const heads = new Map<string, boolean>();
    let [count, bytes] = [0, 0];
    const results = outgoing.map((message) => {
      try {
        const sent = this.#put(queue, message, sender, nowMs, heads);
        if (!sent.duplicate) [count, bytes] = [count + 1, bytes + message.bytes];
        return sent;
      } catch (error) {
        if (!(error instanceof DoError)) throw error;
        const { code, reason, message: text } = error;
        return { error: { code, ...(reason === undefined ? {} : { reason }), message: text } };
      }
    });
    this.#count(queue, count, bytes);
    return results;
  }

  /** @param groups those that are known to have a message before */
  #put(queue: QueueRecord, message: Outgoing, sender: string, nowMs: number, groups: Map<string, boolean>): SentMessage {
    check(queue, message);
    const { book } = this.#core;
    const { config } = queue;
    const key = message.dedupId ?? (config.contentDedup ? sha256(message.body) : undefined);
    const duplicate = key === undefined ? undefined : book.duplicateOf(queue, key, nowMs);
    if (duplicate !== undefined) return { id: duplicate, duplicate: true };
    const seq = book.nextSeq();
    const id = messageId(nowMs, seq, random40());
    this.#core.messages(queue).insert(this.#row(queue, message, { seq, id, sender, nowMs, groups, key }));
    if (key !== undefined) book.rememberKey(queue, key, id, nowMs);
    this.#core.note(queue, { event: "sent", id });
    return { id, duplicate: false };
  }

  #row(
    queue: QueueRecord,
    message: Outgoing,
    made: { seq: number; id: string; sender: string; nowMs: number; groups: Map<string, boolean>; key: string | undefined },
  ): MessageRow {
    const { body, types, attributes, bytes, delaySeconds = queue.config.delaySeconds, groupId, priority = 0 } = message;
    const { seq, id, sender, nowMs, groups, key } = made;
    // In a standard queue a group is a word that goes along; only FIFO goes by it.
    const isFifo = queue.config.type === "fifo";
    const isBehind = isFifo && groupId !== undefined && (groups.get(groupId) ?? this.#core.messages(queue).hasGroup(groupId));
    if (isFifo && groupId !== undefined) groups.set(groupId, true);
    return {
      seq,
      id,
      state: delaySeconds > 0 ? DELAYED : READY,
      head: isBehind ? 0 : 1,
      visible_ms: nowMs + delaySeconds * 1_000,
      priority,
      grp: groupId ?? null,
      attempts: 0,
      lease: null,
      leased_ms: null,
      first_ms: null,
      sent_ms: nowMs,
      kept_ms: nowMs,
      size: bytes,
      source: null,
      death: null,
      dedup: key ?? null,
      sender,
      attributes,
      types,
      body,
    };
  }

  #count(queue: QueueRecord, count: number, bytes: number): void {
    this.#core.book.add(queue, { sent: count, messages: count, bytes });
  }
}

/** @throws DoError TOO_LARGE, INVALID_ARGUMENT: what the shape of a message does not say, because it depends on the queue */
function check({ name, config }: QueueRecord, { bytes, groupId, priority, delaySeconds }: Outgoing): void {
  const cannot = `Cannot send to ${name}`;
  if (bytes > config.maxMessageBytes) {
    throw new DoError("TOO_LARGE", `${cannot}: a message must be at most ${config.maxMessageBytes} bytes, got ${bytes}`, {
      reason: "MESSAGE_TOO_LARGE",
    });
  }
  if (config.type !== "fifo") return;
  const refuse = (why: string, reason: string) => new DoError("INVALID_ARGUMENT", `${cannot}: ${why}`, { reason });
  if (groupId === undefined) throw refuse("it is a FIFO queue, and a message needs a groupId", "GROUP_MISSING");
  if (priority !== undefined) throw refuse("it is a FIFO queue, which has no priorities", "FIFO_PRIORITY");
  if (delaySeconds !== undefined) throw refuse("it is a FIFO queue, whose delay is the queue's and not a message's", "FIFO_DELAY");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
