import type { Sponsor } from "../../shared/background.ts";
import type { Target } from "../shapes.ts";

/** Who gets a queue's messages pushed, on whose behalf. Stored with the queue. */
export interface Consumer {
  readonly target: Target;
  readonly batchSize: number;
  readonly batchWaitMs: number;
  readonly concurrency: number;
  readonly sponsor: Sponsor;
  /** Why it was stopped: its sponsor may no longer. */
  readonly stoppedBecause?: string;
  readonly subscribedMs: number;
}
