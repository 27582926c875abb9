import type { IngressLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Upstream } from "./upstream.ts";

export interface Clock {
  /** Since 1970; what ids are made of. */
  readonly epochMs: () => number;
  /** Never goes back; what durations are measured with. */
  readonly elapsedMs: () => number;
}

/** Looked at now and then, to end what is too slow. */
export interface Watched {
  watch(nowMs: number): void;
}

/** What everything in the ingress shares. */
export interface IngressDeps {
  readonly limits: IngressLimits;
  readonly log: Log;
  readonly clock: Clock;
  readonly upstream: Upstream;
  readonly scheme: "http" | "https";
  readonly newRequestId: () => string;
  readonly random: (bytes: number) => Buffer;
  readonly watched: Set<Watched>;
  readonly isDraining: () => boolean;
}
