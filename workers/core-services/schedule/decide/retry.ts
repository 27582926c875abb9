export interface RetryPolicy {
  /** In all, with the first. */
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** After its due time a run is not tried any more. */
  readonly maxAgeMs: number;
}

export interface Failure {
  readonly code: string;
  readonly reason?: string | undefined;
  readonly message: string;
  /** `later`: there was no room, so that nothing was tried; `final`: the same request would get the same answer. */
  readonly kind: "again" | "later" | "final";
  readonly retryAfterMs?: number | undefined;
}

export interface Tried {
  /** Attempts so far, with the one that failed. */
  readonly attempts: number;
  /** How often in a row there was no room. */
  readonly refusals: number;
  readonly dueMs: number;
}

export type RetryDecision = { readonly do: "again"; readonly atMs: number } | { readonly do: "fail"; readonly reason: string | undefined };

const NO_ROOM_MS = 1_000;
const NO_ROOM_MOST_MS = 30_000;

/**
 * Whether a run that failed is tried again, and when: after `backoffMs`, twice that, four times that..., half of it at
 * random, so that what failed together does not come back together.
 */
export function decideRetry(policy: RetryPolicy, tried: Tried, failure: Failure, nowMs: number, random: () => number): RetryDecision {
  const { attempts, refusals, dueMs } = tried;
  const isLater = failure.kind === "later";
  if (failure.kind === "final" || (!isLater && attempts >= policy.maxAttempts)) return { do: "fail", reason: failure.reason };
  const wait = isLater
    ? Math.min(NO_ROOM_MOST_MS, NO_ROOM_MS * 2 ** Math.min(refusals, 10))
    : Math.min(policy.maxBackoffMs, policy.backoffMs * 2 ** Math.min(attempts - 1, 40));
  const atMs = nowMs + Math.max(failure.retryAfterMs ?? 0, Math.ceil(wait / 2 + (random() * wait) / 2));
  return atMs - dueMs > policy.maxAgeMs ? { do: "fail", reason: "MAX_AGE" } : { do: "again", atMs };
}
