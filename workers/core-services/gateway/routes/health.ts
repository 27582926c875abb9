/** How the targets of a tenant fare: circuits, places, and how many retries there may be. Pure but for its own memory. */

export interface CircuitOptions {
  readonly failures: number;
  readonly openMs: number;
}

export interface Admission {
  readonly target: string;
  /** Undefined: its target is always asked. */
  readonly circuit: CircuitOptions | undefined;
  readonly concurrent: number;
  readonly isRetry: boolean;
  /** When the request must have ended: then its place is free, whoever held it. */
  readonly untilMs: number;
}

export type Verdict =
  | { readonly kind: "admitted"; readonly lease: number }
  | { readonly kind: "refused"; readonly reason: "CIRCUIT_OPEN" | "TARGET_BUSY" | "RETRY_BUDGET"; readonly retryAfterMs: number };

export interface CircuitState {
  readonly target: string;
  readonly state: "closed" | "open" | "half-open";
  readonly failures: number;
  readonly inFlight: number;
  readonly openedAt?: string | undefined;
  readonly nextProbeAt?: string | undefined;
}

/** Retries are at most a fifth of the requests of a window, and a few where there are few requests (Envoy's budget). */
export const RETRY_BUDGET = { percent: 20, least: 3, windowMs: 10_000 };
const BUSY_RETRY_MS = 1_000;
const MAX_TARGETS = 1_000;

interface Target {
  failures: number;
  openedMs: number | undefined;
  openMs: number;
  /** The lease of the one request that a half-open circuit lets through. */
  probe: number | undefined;
  /** Until when each is held. */
  readonly leases: Map<number, number>;
  /** Of the window that began at `sinceMs`. */
  sinceMs: number;
  requests: number;
  retries: number;
}

export class TargetHealth {
  readonly #targets = new Map<string, Target>();
  readonly #targetOf = new Map<number, string>();
  #nextLease = 1;

  admit({ target: name, circuit, concurrent, isRetry, untilMs }: Admission, nowMs: number): Verdict {
    const target = this.#of(name);
    for (const [lease, endsMs] of target.leases) if (endsMs <= nowMs) this.#release(target, lease);
    if (circuit && target.openedMs !== undefined) {
      const leftMs = target.openedMs + target.openMs - nowMs;
      if (leftMs > 0 || target.probe !== undefined) return refused("CIRCUIT_OPEN", Math.max(leftMs, BUSY_RETRY_MS));
    }
    if (target.leases.size >= concurrent) return refused("TARGET_BUSY", BUSY_RETRY_MS);
    if (nowMs - target.sinceMs >= RETRY_BUDGET.windowMs) Object.assign(target, { sinceMs: nowMs, requests: 0, retries: 0 });
    if (isRetry && !mayRetry(target)) return refused("RETRY_BUDGET", BUSY_RETRY_MS);
    const lease = this.#nextLease++;
    target.leases.set(lease, untilMs);
    this.#targetOf.set(lease, name);
    if (isRetry) target.retries++;
    else target.requests++;
    if (circuit && target.openedMs !== undefined) target.probe = lease;
    if (circuit) target.openMs = circuit.openMs;
    return { kind: "admitted", lease };
  }

  /** How a request that was admitted ended. `mostFailures`: of its route's circuit; undefined where it has none. */
  settle(lease: number, ok: boolean, mostFailures: number | undefined, nowMs: number): void {
    const name = this.#targetOf.get(lease);
    const target = name === undefined ? undefined : this.#targets.get(name);
    if (!target) return;
    const wasProbe = target.probe === lease;
    this.#release(target, lease);
    if (mostFailures === undefined) return;
    // What was sent before it opened says nothing of how it is now.
    if (target.openedMs !== undefined && !wasProbe) return;
    if (ok) {
      target.failures = 0;
      target.openedMs = undefined;
      return;
    }
    target.failures++;
    if (wasProbe || target.failures >= mostFailures) target.openedMs = nowMs;
  }

  /** Closed by hand: the next request is asked as if nothing had been. */
  close(name: string): boolean {
    return this.#targets.delete(name);
  }

  states(nowMs: number): CircuitState[] {
    return [...this.#targets].map(([target, { failures, openedMs, openMs, leases }]) => ({
      target,
      state: openedMs === undefined ? "closed" : openedMs + openMs > nowMs ? "open" : "half-open",
      failures,
      inFlight: [...leases.values()].filter((endsMs) => endsMs > nowMs).length,
      ...(openedMs === undefined ? {} : { openedAt: iso(openedMs), nextProbeAt: iso(openedMs + openMs) }),
    }));
  }

  #of(name: string): Target {
    const known = this.#targets.get(name);
    if (known) return known;
    if (this.#targets.size >= MAX_TARGETS) this.#forgetIdle();
    const target: Target = {
      failures: 0,
      openedMs: undefined,
      openMs: 0,
      probe: undefined,
      leases: new Map(),
      sinceMs: 0,
      requests: 0,
      retries: 0,
    };
    this.#targets.set(name, target);
    return target;
  }

  /** Names of customers' functions come from requests: what is not busy and not open is not worth keeping. */
  #forgetIdle(): void {
    for (const [name, { leases, openedMs }] of this.#targets) {
      if (leases.size === 0 && openedMs === undefined) this.#targets.delete(name);
    }
    const [oldest] = this.#targets.keys();
    if (this.#targets.size >= MAX_TARGETS && oldest !== undefined) this.#targets.delete(oldest);
  }

  #release(target: Target, lease: number): void {
    target.leases.delete(lease);
    this.#targetOf.delete(lease);
    if (target.probe === lease) target.probe = undefined;
  }
}

function mayRetry({ requests, retries }: Target): boolean {
  return retries < Math.max(RETRY_BUDGET.least, (RETRY_BUDGET.percent * requests) / 100);
}

function refused(reason: Extract<Verdict, { kind: "refused" }>["reason"], retryAfterMs: number): Verdict {
  return { kind: "refused", reason, retryAfterMs };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
