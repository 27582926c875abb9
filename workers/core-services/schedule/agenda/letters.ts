import { toDoError } from "../../../../sdk/src/errors.ts";
import type { Sponsor } from "../../shared/background.ts";
import { failureOf } from "../decide/failure.ts";
import { decideRetry } from "../decide/retry.ts";
import { runOf, type Runs } from "./runs.ts";
import type { RunRow } from "./tables.ts";
import type { World } from "./world.ts";

/** How a dead letter is sent. When no queue takes it, the run says so. */
const POLICY = { maxAttempts: 10, backoffMs: 1_000, maxBackoffMs: 600_000, maxAgeMs: 24 * 60 * 60 * 1_000 };
const MOST_AT_ONCE = 8;

/** What is known of runs that failed for good, on its way to the queues that their tasks name. */
export class Letters {
  readonly #runs: Runs;
  readonly #world: World;
  readonly #sending = new Set<string>();
  readonly #onChange: () => void;

  constructor(runs: Runs, world: World, onChange: () => void) {
    this.#runs = runs;
    this.#world = world;
    this.#onChange = onChange;
  }

  get isBusy(): boolean {
    return this.#sending.size > 0;
  }

  pump(nowMs: number): void {
    for (const row of this.#runs.letters(nowMs, MOST_AT_ONCE)) {
      if (this.#sending.size >= MOST_AT_ONCE) return;
      if (this.#sending.has(row.id) || row.letter_to === null) continue;
      this.#sending.add(row.id);
      void this.#send(row, JSON.parse(row.letter_to) as { queue: string; sponsor: Sponsor });
    }
  }

  /** Those on their way are not waited for: the heartbeat is. */
  earliestMs(): number | undefined {
    return this.#sending.size > 0 ? undefined : this.#runs.earliestLetterMs();
  }

  async #send(row: RunRow, { queue, sponsor }: { queue: string; sponsor: Sponsor }): Promise<void> {
    const run = {
      id: row.id,
      task: row.task,
      scheduledFor: new Date(row.scheduled_ms).toISOString(),
      attempt: row.attempt,
      trigger: row.trigger,
    };
    const { deadLetter: _, ...message } = runOf(row);
    try {
      await this.#world.send(sponsor, queue, message, run);
      this.#runs.letterDone(row.id, "sent");
    } catch (error) {
      const nowMs = this.#world.now();
      const tried = { attempts: row.letter_tries + 1, refusals: row.letter_tries, dueMs: row.ended_ms ?? nowMs };
      const failure = toDoError(error) ? failureOf(error) : { code: "UNAVAILABLE", message: "lost", kind: "later" as const };
      const decision = decideRetry(POLICY, tried, failure, nowMs, this.#world.random);
      if (decision.do === "fail") this.#runs.letterDone(row.id, "failed");
      else this.#runs.letterAgain(row.id, decision.atMs);
    } finally {
      this.#sending.delete(row.id);
      this.pump(this.#world.now());
      this.#onChange();
    }
  }
}
