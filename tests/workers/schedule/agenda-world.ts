import { env, runInDurableObject } from "cloudflare:test";
import { Agenda } from "../../../workers/core-services/schedule/agenda/agenda.ts";
import type { Performed, Work, World } from "../../../workers/core-services/schedule/agenda/world.ts";
import type { Sponsor } from "../../../workers/core-services/shared/background.ts";
import { newId } from "../../../workers/core-services/shared/ids.ts";
import { newTenant } from "../support.ts";

export const SPONSOR: Sponsor = {
  principal: { kind: "key", id: "k", tenant: "t", tier: "tenant" },
  source: undefined,
  scopes: ["*"],
  isGuest: false,
};

export const START_MS = Date.UTC(2026, 5, 1, 12, 0, 0);

/** A run that was handed over, and what ends it. */
export interface Handed {
  readonly work: Work;
  readonly atMs: number;
  readonly end: (performed: Performed) => Promise<void>;
}

/** The world of an agenda under test: its clock stands until it is moved, and what it hands over ends when it is told. */
export class TestWorld implements World {
  nowMs = START_MS;
  randomly = 0;
  wakeMs: number | undefined;
  readonly handed: Handed[] = [];
  readonly letters: { queue: string; message: unknown }[] = [];
  readonly cancelled: string[] = [];
  /** Ends what is handed over at once, so. */
  always: Performed | undefined;
  /** Refuses dead letters. */
  noQueue: Error | undefined;
  #ids = 0;

  readonly now = () => this.nowMs;
  readonly random = () => this.randomly;
  readonly newId = (prefix: "task" | "run") => newId(prefix, START_MS + ++this.#ids);

  perform(work: Work, onStarted: (executionId: string) => void): Promise<Performed> {
    const { promise, resolve } = Promise.withResolvers<Performed>();
    this.handed.push({
      work,
      atMs: this.nowMs,
      end: async (performed) => {
        resolve(performed);
        await settled();
      },
    });
    onStarted(`exec_${work.run.id}`);
    if (this.always) resolve(this.always);
    return promise;
  }
  async send(_sponsor: Sponsor, queue: string, message: unknown): Promise<void> {
    if (this.noQueue) throw this.noQueue;
    this.letters.push({ queue, message });
  }
  async cancel(_sponsor: Sponsor, executionId: string): Promise<void> {
    this.cancelled.push(executionId);
  }
  wake(atMs: number): void {
    this.wakeMs = atMs;
  }

  /** What is handed over and has not been ended, by the times that it is for. */
  get open(): string[] {
    return this.handed.map(({ work }) => work.run.scheduledFor);
  }
}

export const OK: Performed = { ok: true, result: undefined, types: {} };

export const failed = (code = "THREW", kind: "again" | "later" | "final" = "again"): Performed => ({
  ok: false,
  failure: { code, message: `It failed with ${code}`, kind },
  isCancelled: false,
});

/** After what the last event has set going. */
export function settled(): Promise<void> {
  return scheduler.wait(0);
}

/** An agenda in the storage of an object of its own; `again` makes one anew, as after a crash. */
export async function inAgenda(
  test: (agenda: Agenda, world: TestWorld, again: () => Agenda, sql: SqlStorage) => Promise<void>,
): Promise<void> {
  const stub = env.TIMETABLE.getByName(newTenant());
  await runInDurableObject(stub, async (_instance, { storage }) => {
    const world = new TestWorld();
    const start = () => {
      const agenda = new Agenda(storage, world);
      agenda.resumeAfter(world.wakeMs);
      return agenda;
    };
    await test(start(), world, start, storage.sql);
  });
}

/** Moves the clock to when the agenda wants to be woken, again and again, until a time. */
export async function runUntil(agenda: Agenda, world: TestWorld, untilMs: number): Promise<void> {
  while (world.wakeMs !== undefined && world.wakeMs <= untilMs) {
    world.nowMs = Math.max(world.nowMs, world.wakeMs);
    world.wakeMs = undefined;
    agenda.woken();
    // oxlint-disable-next-line no-await-in-loop -- one turn after the other
    while (agenda.tick()) await settled();
    // oxlint-disable-next-line no-await-in-loop
    await settled();
  }
  world.nowMs = untilMs;
}
