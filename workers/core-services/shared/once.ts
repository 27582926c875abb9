import { DoError } from "../../../sdk/src/errors.ts";
import { encodeValue } from "../../../sdk/src/values.ts";
import { sha256 } from "./hash.ts";

/** A caller's promise that two requests with one key are one request. */
export interface OnceKey {
  key: string;
  /** Tells another request under the same key. */
  bodyHash: string;
}

const KEEP_MS = 24 * 60 * 60 * 1_000;

export function onceKey(key: string | undefined, method: string, body: unknown): OnceKey | undefined {
  return key === undefined ? undefined : { key, bodyHash: sha256(method, canonical(body)) };
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
    .exec<{ body_hash: string; answer: string }>("SELECT body_hash, answer FROM _do_once WHERE key = ?", key.key)
    .toArray();
  if (first) {
    if (first.body_hash !== key.bodyHash) throw idempotencyMismatch(key.key);
    return JSON.parse(first.answer) as T;
  }
  const answer = write();
  sql.exec("INSERT INTO _do_once VALUES (?, ?, ?, ?)", key.key, key.bodyHash, JSON.stringify(answer), nowMs + KEEP_MS);
  return answer;
}

export function idempotencyMismatch(key: string): DoError {
  return new DoError("UNPROCESSABLE", `Cannot use idempotency key "${key}" again: it was used for another request`, {
    reason: "IDEMPOTENCY_KEY_REUSED",
  });
}
