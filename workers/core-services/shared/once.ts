import { DoError } from "../../../sdk/src/errors.ts";
import { encodeValue } from "../../../sdk/src/values.ts";
import { sha256 } from "./hash.ts";

/** A caller's promise that two requests with one key are one request. */
export interface OnceKey {
  key: string;
  /** Whose key it is, where two principals who choose one key are two; else it is the tenant's. An id, without spaces. */
  owner?: string;
  /** Tells another request under the same key. */
  bodyHash: string;
  /** How long the answer is kept; default 24 hours. */
  keepMs?: number;
}

/** Well within what a row holds, in three bytes each. */
const MAX_AUTOMATIC_CHARACTERS = 500_000;
export const KEEP_MS = 24 * 60 * 60 * 1_000;

export function onceKey(key: string | undefined, method: string, body: unknown, owner?: string): OnceKey | undefined {
  if (key === undefined) return undefined;
  return { key, bodyHash: sha256(method, canonical(body)), ...(owner === undefined ? {} : { owner }) };
}

/** The name under which the answer is kept. */
export function nameOfKey({ key, owner }: OnceKey): string {
  return owner === undefined ? key : `${owner} ${key}`;
}

/** What cannot be encoded cannot be written either: the write will say why. */
function canonical(body: unknown): string {
  try {
    return JSON.stringify(encodeValue(body, "body"));
  } catch {
    return "";
  }
}

/**
 * Runs a write once per key, in the storage that the write goes to, so that both happen or neither.
 * The same key with another body is UNPROCESSABLE. Kept for 24 hours.
 */
export function once<T>(sql: SqlStorage, key: OnceKey | undefined, nowMs: number, write: () => T): T {
  if (!key) return write();
  sql.exec(
    "CREATE TABLE IF NOT EXISTS _do_once (key TEXT PRIMARY KEY, body_hash TEXT NOT NULL, answer TEXT NOT NULL, expires_ms INTEGER NOT NULL) STRICT",
  );
  sql.exec("DELETE FROM _do_once WHERE expires_ms <= ?", nowMs);
  const [first] = sql
    .exec<{ body_hash: string; answer: string }>("SELECT body_hash, answer FROM _do_once WHERE key = ?", nameOfKey(key))
    .toArray();
  if (first) {
    if (first.body_hash !== key.bodyHash) throw idempotencyMismatch(key.key);
    if (first.answer === "") throw answerLost();
    return JSON.parse(first.answer) as T;
  }
  const answer = write();
  const text = JSON.stringify(answer);
  const isKept = !isAutomatic(key) || text.length <= MAX_AUTOMATIC_CHARACTERS;
  sql.exec("INSERT INTO _do_once VALUES (?, ?, ?, ?)", nameOfKey(key), key.bodyHash, isKept ? text : "", nowMs + (key.keepMs ?? KEEP_MS));
  return answer;
}

/** Whether nobody chose the key: it is there so that a call whose answer was lost can be sent again. */
export function isAutomatic(key: OnceKey): boolean {
  return key.keepMs !== undefined;
}

/** Of a call that is sent again, and whose first answer was too large to be kept. */
export function answerLost(): DoError {
  return new DoError("UNAVAILABLE", "It was written, and its answer was lost with the process that had it", {
    reason: "ANSWER_LOST",
    retryable: false,
  });
}

export function idempotencyMismatch(key: string): DoError {
  return new DoError("UNPROCESSABLE", `Cannot use idempotency key "${key}" again: it was used for another request`, {
    reason: "IDEMPOTENCY_KEY_REUSED",
  });
}
