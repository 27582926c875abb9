import { decodeValue, encodeValue, type ValueTypes } from "../../../sdk/src/values.ts";
import { DoError } from "../../../sdk/src/errors.ts";
import { byteLength } from "../shared/hash.ts";
import { DEAD, DELAYED, LEASED, READY, type MessageRow } from "./engine/messages.ts";
import type { Outgoing } from "./engine/send.ts";
import type { SendOptions } from "./shapes.ts";
import type { BatchMessage } from "./push/targets.ts";

/** A message of a caller as it is stored: a string as it is, everything else as JSON with a table of the types that JSON does not have. */
export function outgoing(message: unknown, options: Omit<SendOptions, "idempotencyKey">): Outgoing {
  const { delaySeconds, groupId, dedupId, priority, attributes } = options;
  const { body, types } = bodyOf(message);
  const attributesText = attributes && Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : null;
  const bytes = byteLength(body) + (attributesText === null ? 0 : byteLength(attributesText));
  return { body, types, attributes: attributesText, bytes, delaySeconds, groupId, dedupId, priority };
}

function bodyOf(message: unknown): { body: string; types: string | null } {
  if (typeof message === "string") return { body: message, types: null };
  try {
    const { value, types } = encodeValue(message, "message");
    return { body: JSON.stringify(value), types: Object.keys(types).length > 0 ? JSON.stringify(types) : "" };
  } catch (error) {
    throw new DoError("INVALID_ARGUMENT", `Cannot send: ${error instanceof Error ? error.message : "the message is no data"}`, {
      reason: "BODY",
    });
  }
}

function messageOf({ body, types }: Pick<MessageRow, "body" | "types">): unknown {
  if (types === null) return body;
  const value = JSON.parse(body) as unknown;
  return types === "" ? value : decodeValue({ value, types: JSON.parse(types) as ValueTypes });
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function attributesOf({ attributes }: MessageRow): Record<string, string | { type: string; value: string }> {
  return attributes === null ? {} : (JSON.parse(attributes) as Record<string, string | { type: string; value: string }>);
}

/** What anyone who may see a message sees of it. */
export function seen(row: MessageRow) {
  return {
    id: row.id,
    body: messageOf(row),
    attempts: row.attempts,
    sentAt: iso(row.sent_ms),
    ...(row.grp === null ? {} : { groupId: row.grp }),
    ...(row.dedup === null ? {} : { dedupId: row.dedup }),
    priority: row.priority,
    attributes: attributesOf(row),
    bytes: row.size,
    sentBy: row.sender,
    ...(row.first_ms === null ? {} : { firstReceivedAt: iso(row.first_ms) }),
  };
}

export function peeked(row: MessageRow) {
  const state: "delayed" | "inFlight" | "dead" | "ready" =
    row.state === DELAYED ? "delayed" : row.state === LEASED ? "inFlight" : row.state === DEAD ? "dead" : "ready";
  const death = row.death === null ? undefined : (JSON.parse(row.death) as { atMs: number; reason: string });
  return {
    ...seen(row),
    state,
    ...(row.state < READY ? { visibleAt: iso(row.visible_ms) } : {}),
    ...(row.source === null ? {} : { source: row.source }),
    ...(death ? { diedAt: iso(death.atMs), reason: death.reason } : {}),
  };
}

/** A message as its push consumer gets it. */
export function batchMessage({ row }: { row: MessageRow }): BatchMessage {
  const { id, body, attempts, sentAt, groupId, attributes } = seen(row);
  return { id, body, attempts, sentAt, attributes, ...(groupId === undefined ? {} : { groupId }) };
}
