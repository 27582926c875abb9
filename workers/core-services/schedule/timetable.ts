import { DurableObject } from "cloudflare:workers";
import { backgroundOf, type Sponsor } from "../shared/background.ts";
import type { Remote } from "../auth/remote.ts";
import type { OnceKey } from "../shared/once.ts";
import { Agenda, type Backfill, type Backfilled } from "./agenda/agenda.ts";
import type { RunFilter } from "./agenda/runs.ts";
import type { TaskFilter } from "./agenda/tasks.ts";
import type { World } from "./agenda/world.ts";
import type { Overlap } from "./decide/overlap.ts";
import { perform } from "./perform.ts";
import { OrderedIds } from "./run-ids.ts";
import type { Run, Stats } from "./schema/run.ts";
import type { Changes, Task, TaskInfo } from "./schema/task.ts";

/** After a tick that failed: the runtime gives up on an alarm that fails six times, and this one must not be given up. */
const FAILED_TICK_MS = 1_000;

/**
 * One tenant's tasks and runs, in a database of their own, with one alarm. It has no decisions: they are in `decide/` and
 * `timing/`, and `agenda/` puts them into its storage.
 */
export class Timetable extends DurableObject {
  readonly #agenda: Agenda;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#agenda = new Agenda(ctx.storage, this.#world());
    void ctx.blockConcurrencyWhile(async () => this.#agenda.resumeAfter((await ctx.storage.getAlarm()) ?? undefined));
  }

  #world(): World {
    const backgroundFor = (sponsor: Sponsor, name: string) => backgroundOf(this.ctx, { sponsor, cause: { kind: "schedule", name } });
    const ids = new OrderedIds();
    return {
      now: Date.now,
      random: Math.random,
      newId: (prefix) => ids.next(prefix, Date.now()),
      perform: (work, onStarted) => perform(backgroundFor(work.sponsor, work.run.task), work, onStarted),
      send: async (sponsor, queue, message, run) => {
        await backgroundFor(sponsor, run.task).call("queue", "send", [queue, message, { idempotencyKey: `${run.id}:dead` }]);
      },
      cancel: async ({ principal }, executionId) => {
        await this.env.EXECUTIONS.getByName(principal.tenant).cancel(executionId);
      },
      wake: (atMs) => void this.ctx.storage.setAlarm(atMs),
    };
  }

  override async alarm(): Promise<void> {
    this.#agenda.woken();
    try {
      // In turns: who calls meanwhile is answered, and what was entered starts.
      while (this.#agenda.tick()) await scheduler.wait(0);
    } catch (error) {
      console.error(
        JSON.stringify({ level: "error", event: "schedule-tick", error: error instanceof Error ? error.stack : String(error) }),
      );
      await this.ctx.storage.setAlarm(Date.now() + FAILED_TICK_MS);
    }
  }

  create(name: string, task: Task, sponsor: Sponsor, once: OnceKey | undefined): TaskInfo {
    return this.#agenda.create(name, task, sponsor, { once });
  }
  update(name: string, changes: Changes, sponsor: Sponsor, once: OnceKey | undefined): TaskInfo {
    return this.#agenda.update(name, changes, sponsor, { once });
  }
  get(name: string): TaskInfo {
    return this.#agenda.get(name);
  }
  list(filter: TaskFilter): { items: TaskInfo[]; cursor?: string } {
    return this.#agenda.list(filter);
  }
  delete(name: string, once: OnceKey | undefined): { deleted: boolean } {
    return this.#agenda.delete(name, { once });
  }
  pause(name: string, note: string | undefined, once: OnceKey | undefined): TaskInfo {
    return this.#agenda.pause(name, note, { once });
  }
  resume(name: string, runMissed: boolean, once: OnceKey | undefined): TaskInfo {
    return this.#agenda.resume(name, runMissed, { once });
  }
  skipNext(name: string, count: number, once: OnceKey | undefined): TaskInfo {
    return this.#agenda.skipNext(name, count, { once });
  }
  backfill(name: string, range: Backfill, once: OnceKey | undefined): Backfilled {
    return this.#agenda.backfill(name, range, { once });
  }

  /** @param waitMs for the end of the run; then it is answered as it is */
  async execute(name: string, sponsor: Sponsor, options: Executing, once: OnceKey | undefined): Promise<Run> {
    const { input, overlap, waitMs } = options;
    const untilMs = Date.now() + waitMs;
    let run = this.#agenda.execute(name, sponsor, input, overlap, { once });
    for (let leftMs = waitMs; run.state !== "ended" && leftMs > 0; leftMs = untilMs - Date.now()) {
      // oxlint-disable-next-line no-await-in-loop -- each look follows a change
      await this.#agenda.change(leftMs);
      run = this.#agenda.run(run.id);
    }
    return run;
  }

  next(name: string, fromMs: number, count: number): string[] {
    return this.#agenda.next(name, fromMs, count);
  }
  history(name: string, filter: RunFilter): { items: Run[]; cursor?: string } {
    return this.#agenda.history(name, filter);
  }

  /** @param since undefined for from now on */
  async follow(
    task: string | undefined,
    since: number | undefined,
    limit: number,
    waitMs: number,
  ): Promise<{ items: Run[]; cursor: string }> {
    const from = since ?? this.#agenda.cursor;
    const untilMs = Date.now() + waitMs;
    let found = this.#agenda.changedSince(from, task, limit);
    for (let leftMs = waitMs; found.items.length === 0 && leftMs > 0; leftMs = untilMs - Date.now()) {
      // oxlint-disable-next-line no-await-in-loop -- each look follows a change
      await this.#agenda.change(leftMs);
      found = this.#agenda.changedSince(from, task, limit);
    }
    return { items: found.items, cursor: String(found.items.length === 0 ? from : found.seq) };
  }

  run(id: string): Run {
    return this.#agenda.run(id);
  }
  cancelRun(id: string): { cancelled: boolean } {
    return this.#agenda.cancelRun(id);
  }
  stats(task: string | undefined): Stats {
    return this.#agenda.stats(task);
  }
}

export interface Executing {
  readonly input: unknown;
  readonly overlap: Overlap | undefined;
  readonly waitMs: number;
}

export type RemoteTimetable = Remote<Timetable>;

/** The Timetable of a tenant. */
export function timetableOf(env: Pick<Cloudflare.Env, "TIMETABLE">, tenant: string): RemoteTimetable {
  return env.TIMETABLE.getByName(tenant) as unknown as RemoteTimetable;
}
