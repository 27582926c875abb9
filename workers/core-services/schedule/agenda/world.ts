import type { ValueTypes } from "../../../../sdk/src/values.ts";
import type { Failure } from "../decide/retry.ts";
import type { Action } from "../schema/task.ts";
import type { Trigger } from "../schema/run.ts";
import type { Sponsor } from "../../shared/background.ts";

/** What one run is to do, on whose behalf. */
export interface Work {
  readonly action: Action;
  readonly input: unknown;
  readonly sponsor: Sponsor;
  readonly run: RunFacts;
}

/** What work may be told of its run. */
export interface RunFacts {
  readonly id: string;
  readonly task: string;
  readonly scheduledFor: string;
  readonly attempt: number;
  readonly trigger: Trigger;
}

export type Performed =
  | { readonly ok: true; readonly result: unknown; readonly types: ValueTypes; readonly executionId?: string | undefined }
  | {
      readonly ok: false;
      readonly failure: Failure;
      readonly isCancelled: boolean;
      /** At most so much code may run at a time, as was just heard. */
      readonly places?: number | undefined;
      readonly executionId?: string | undefined;
    };

/** All that the agenda has of the world beside its storage. Each is an argument, so that a test can be the world. */
export interface World {
  readonly now: () => number;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  readonly newId: (prefix: "task" | "run") => string;
  /** Never rejects: how it went is in the answer. */
  perform(work: Work, onStarted: (executionId: string) => void): Promise<Performed>;
  /** Sends a dead letter. Rejects when it was not taken. */
  send(sponsor: Sponsor, queue: string, message: unknown, run: RunFacts): Promise<void>;
  /** Ends an execution of the sponsor's tenant. */
  cancel(sponsor: Sponsor, executionId: string): Promise<void>;
  /** Calls tick() at that time, or later. */
  wake(atMs: number): void;
}
