import { createHash } from "node:crypto";
import { DoError } from "../../../../sdk/src/errors.ts";
import { messageId, Randomness } from "../ids.ts";
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

/** What all messages of a call have in common. */
interface Made {
  readonly sender: string;
  readonly nowMs: number;
  /** Those that have a message among the ones before. */
  readonly groups: Set<string>;
}

/** Puts messages into a queue, each by itself: what is wrong with one keeps no other out. */
export class Sender {
  readonly #core: Core;
  readonly #randomness = new Randomness();

  constructor(core: Core) {
    this.#core = core;
  }

  send(queue: QueueRecord, message: Outgoing, sender: string, nowMs: number): SentMessage {
    const [result] = this.#put(queue, [message], sender, nowMs);
    if (result instanceof DoError) throw result;
    return result ?? { id: "", duplicate: false };
  }

  batch(queue: QueueRecord, outgoing: readonly Outgoing[], sender: string, nowMs: number): (SentMessage | Refusal)[] {
    return this.#put(queue, outgoing, sender, nowMs).map((result) => {
      if (!(result instanceof DoError)) return result;
      const { code, reason, message } = result;
      return { error: { code, ...(reason === undefined ? {} : { reason }), message } };
    });
  }

  #put(queue: QueueRecord, outgoing: readonly Outgoing[], sender: string, nowMs: number): (SentMessage | DoError)[] {
    const made: Made = { sender, nowMs, groups: new Set() };
    const rows: MessageRow[] = [];
    const results = outgoing.map((message) => {
      const refusal = refusalOf(queue, message);
      if (refusal) return refusal;
      const key = message.dedupId ?? (queue.config.contentDedup ? sha256(message.body) : undefined);
      const duplicate = key === undefined ? undefined : this.#core.book.duplicateOf(queue, key, nowMs);
      if (duplicate !== undefined) return { id: duplicate, duplicate: true };
      const row = this.#row(queue, message, key, made);
      rows.push(row);
      if (key !== undefined) this.#core.book.rememberKey(queue, key, row.id, nowMs);
      return { id: row.id, duplicate: false };
    });
    this.#core.messages(queue).insert(rows);
    this.#core.book.add(queue, { sent: rows.length, messages: rows.length, bytes: rows.reduce((sum, { size }) => sum + size, 0) });
    if (rows.length > 0) this.#core.note(queue, "sent", rows);
    return results;
  }

  #row(queue: QueueRecord, message: Outgoing, key: string | undefined, { sender, nowMs, groups }: Made): MessageRow {
    const { body, types, attributes, bytes, delaySeconds = queue.config.delaySeconds, groupId, priority = 0 } = message;
    // In a standard queue a group is a word that goes along; only FIFO goes by it.
    const isFifo = queue.config.type === "fifo" && groupId !== undefined;
    const isBehind = isFifo && (groups.has(groupId) || this.#core.messages(queue).hasGroup(groupId));
    if (isFifo) groups.add(groupId);
    const seq = this.#core.book.nextSeq();
    return {
      seq,
      id: messageId(nowMs, seq, this.#randomness.next()),
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
}

/** TOO_LARGE, INVALID_ARGUMENT: what the shape of a message does not say, because it depends on the queue. */
function refusalOf({ name, config }: QueueRecord, { bytes, groupId, priority, delaySeconds }: Outgoing): DoError | undefined {
  const cannot = `Cannot send to ${name}`;
  if (bytes > config.maxMessageBytes) {
    return new DoError("TOO_LARGE", `${cannot}: a message must be at most ${config.maxMessageBytes} bytes, got ${bytes}`, {
      reason: "MESSAGE_TOO_LARGE",
    });
  }
  if (config.type !== "fifo") return undefined;
  const refuse = (why: string, reason: string) => new DoError("INVALID_ARGUMENT", `${cannot}: ${why}`, { reason });
  if (groupId === undefined) return refuse("it is a FIFO queue, and a message needs a groupId", "GROUP_MISSING");
  if (priority !== undefined) return refuse("it is a FIFO queue, which has no priorities", "FIFO_PRIORITY");
  if (delaySeconds !== undefined) return refuse("it is a FIFO queue, whose delay is the queue's and not a message's", "FIFO_DELAY");
  return undefined;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
