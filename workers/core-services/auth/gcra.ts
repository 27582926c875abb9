/**
 * The generic cell rate algorithm: a limit of N in a window admits N at once, then one for each Nth of the window. What
 * is kept is one time, at which the bucket will be empty again.
 */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
}

export interface Taken {
  readonly admitted: boolean;
  /** The theoretical arrival time to keep. */
  readonly tatMs: number;
  /** How many of cost 1 would be admitted now. */
  readonly remaining: number;
  /** Until `remaining` is the limit again. */
  readonly resetMs: number;
  /** Until this cost would be admitted; 0 when it was. */
  readonly retryAfterMs: number;
}

/** Takes `cost` from a bucket whose kept time is `tatMs`. What is not admitted takes nothing. */
export function take({ limit, windowMs }: Rate, tatMs: number, cost: number, nowMs: number): Taken {
  const intervalMs = windowMs / limit;
  const before = Math.max(tatMs, nowMs);
  const after = before + cost * intervalMs;
  // What a float adds to the sum of N intervals must not make the Nth one too many.
  const overMs = after - windowMs - nowMs - EPSILON_MS;
  const admitted = overMs <= 0;
  const kept = admitted ? after : before;
  return {
    admitted,
    tatMs: kept,
    remaining: Math.max(0, Math.floor((nowMs + windowMs - kept + EPSILON_MS) / intervalMs)),
    resetMs: Math.max(0, kept - nowMs),
    retryAfterMs: admitted ? 0 : Math.ceil(overMs),
  };
}

const EPSILON_MS = 0.001;

/** How much of a rate is left, for the RateLimit fields. */
export interface RateState {
  name: string;
  limit: number;
  windowSeconds: number;
  remaining: number;
  resetSeconds: number;
}
