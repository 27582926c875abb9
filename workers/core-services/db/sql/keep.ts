import { DoError } from "../../../../sdk/src/errors.ts";
import { answerLost, idempotencyMismatch, isAutomatic, KEEP_MS, nameOfKey, type OnceKey } from "../../shared/once.ts";

/** The runtime's own key-value store: in the same file and the same transactions as the tenant's tables, and no SQL reaches it. */
export type Kept = DurableObjectStorage["kv"];

interface Answered {
  bodyHash: string;
  /** Undefined when it was too large to be kept. */
  answer: unknown;
}

const SWEPT_AT_ONCE = 100;
/** Sorts as its number. */
const time = (ms: number) => String(ms).padStart(16, "0");

/** Runs a write once per key, as `once` does where the tables are ours. */
export function onceKept<T>(kept: Kept, key: OnceKey | undefined, nowMs: number, write: () => T): T {
  if (!key) return write();
  for (const [name, of] of kept.list<string>({ prefix: "once-until/", end: `once-until/${time(nowMs)}`, limit: SWEPT_AT_ONCE })) {
    kept.delete(`once/${of}`);
    kept.delete(name);
  }
  const name = nameOfKey(key);
  const first = kept.get<Answered>(`once/${name}`);
  if (first) {
    if (first.bodyHash !== key.bodyHash) throw idempotencyMismatch(key.key);
    if (first.answer === undefined) throw answerLost();
    return first.answer as T;
  }
  const answer = write();
  try {
    kept.put(`once/${name}`, { bodyHash: key.bodyHash, answer } satisfies Answered);
  } catch {
    if (isAutomatic(key)) kept.put(`once/${name}`, { bodyHash: key.bodyHash, answer: undefined } satisfies Answered);
    else
      throw new DoError("TOO_LARGE", "Cannot run SQL: an answer that an idempotency key keeps may have at most 2 MB", {
        reason: "KEPT_ANSWER",
      });
  }
  kept.put(`once-until/${time(nowMs + (key.keepMs ?? KEEP_MS))}/${name}`, name);
  return answer;
}
