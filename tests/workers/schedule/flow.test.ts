import { describe, expect, it } from "vitest";
import type { Task } from "../../../workers/core-services/schedule/schema/task.ts";
import { failed, inAgenda, OK, runUntil, SPONSOR, START_MS } from "./agenda-world.ts";

const NOT_KEYED = { once: undefined };
const CODE = { code: "return 1" };
const MINUTE = 60_000;
const at = (minutes: number) => START_MS + minutes * MINUTE;
const iso = (ms: number) => new Date(ms).toISOString();

/** Every minute from the first on. */
const everyMinute = (members: Partial<Task> = {}): Task => ({ cron: "* * * * *", action: CODE, ...members });

describe("overlap", () => {
  it.each([
    ["skip", 1, { skipped: 3 }, "running"],
    ["bufferOne", 1, { skipped: 2 }, "buffered"],
    ["bufferAll", 1, { skipped: 0 }, "buffered"],
    ["allowAll", 4, { skipped: 0 }, "running"],
  ] as const)("%s", async (overlap, handed, endedAs, newest) => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", everyMinute({ overlap }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(4));
      expect(world.handed).toHaveLength(handed);
      expect(agenda.stats("t").ended).toMatchObject(endedAs);
      expect(agenda.history("t", { limit: 10 }).items.find(({ state }) => state !== "ended")?.state).toBe(newest);
    });
  });

  it("what waits starts in order, one after the other", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", everyMinute({ overlap: "bufferAll" }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(3));
      for (let i = 0; i < 3; i++) await world.handed[i]?.end(OK);
      expect(world.open).toEqual([iso(at(1)), iso(at(2)), iso(at(3))]);
      expect(agenda.stats("t").ended.ok).toBe(3);
    });
  });

  it("cancelOther ends the run that runs, and starts when it has ended", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", everyMinute({ overlap: "cancelOther" }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(3));
      const [first] = world.handed;
      expect(world.handed).toHaveLength(1);
      expect(new Set(world.cancelled)).toEqual(new Set([`exec_${first?.work.run.id}`]));
      await first?.end({ ...failed("CANCELLED"), isCancelled: true } as never);
      // The second was replaced by the third while it waited.
      expect(world.open).toEqual([iso(at(1)), iso(at(3))]);
      expect(agenda.stats("t").ended).toMatchObject({ cancelled: 1, skipped: 1 });
    });
  });

  it("a run that will be tried again is not over", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", everyMinute({ retry: { maxAttempts: 2, backoffMs: 10 * MINUTE } }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(1));
      await world.handed[0]?.end(failed());
      await runUntil(agenda, world, at(3));
      expect(agenda.stats("t")).toMatchObject({ ended: { skipped: 2 }, open: { waiting: 1 } });
    });
  });
});

describe("what fails", () => {
  const once = (members: Partial<Task>): Task => ({ at: iso(at(1)), action: CODE, ...members });

  it("is tried again after a back-off that doubles, as often as it may be", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", once({ retry: { maxAttempts: 4, backoffMs: MINUTE, maxBackoffMs: 3 * MINUTE } }), SPONSOR, NOT_KEYED);
      world.randomly = 1;
      for (let i = 0; i < 4; i++) {
        await runUntil(agenda, world, world.nowMs + 4 * MINUTE);
        await world.handed[i]?.end(failed());
      }
      await runUntil(agenda, world, at(60));
      expect(world.handed.map(({ atMs }) => atMs)).toEqual([at(1), at(5), at(10), at(15)]);
      const [run] = agenda.history("t", { limit: 1 }).items;
      expect(run).toMatchObject({ outcome: "failed", attempt: 4, error: { code: "THREW" } });
      expect(run?.attempts?.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    });
  });

  it("is not tried again when the same would come, or when it is too old", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("final", once({ retry: { maxAttempts: 4 } }), SPONSOR, NOT_KEYED);
      agenda.create("old", once({ retry: { maxAttempts: 4, backoffMs: 10 * MINUTE, maxAgeMs: 4 * MINUTE } }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(1));
      for (const { work, end } of world.handed) await end(work.run.task === "final" ? failed("PERMISSION_DENIED", "final") : failed());
      expect(agenda.history("final", { limit: 1 }).items).toMatchObject([{ outcome: "failed", attempt: 1 }]);
      expect(agenda.history("old", { limit: 1 }).items).toMatchObject([{ outcome: "failed", error: { reason: "MAX_AGE" } }]);
    });
  });

  it("for want of room is no attempt, and comes back until it is too old", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = failed("UNAVAILABLE", "later");
      agenda.create("t", once({ retry: { maxAgeMs: 5 * MINUTE } }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(60));
      expect(world.handed.length).toBeGreaterThan(8);
      expect(new Set(world.handed.map(({ work }) => work.run.attempt))).toEqual(new Set([1]));
      expect(agenda.history("t", { limit: 1 }).items).toMatchObject([
        { outcome: "failed", error: { code: "UNAVAILABLE", reason: "MAX_AGE" } },
      ]);
    });
  });

  it("for good is sent to its dead letter queue, until that takes it", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = failed();
      world.noQueue = new Error("gone");
      agenda.create("t", once({ deadLetter: { queue: "dead" } }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(2));
      expect(agenda.history("t", { limit: 1 }).items).toMatchObject([{ outcome: "failed", deadLetter: "waiting" }]);
      world.noQueue = undefined;
      await runUntil(agenda, world, at(10));
      expect(world.letters).toMatchObject([{ queue: "dead", message: { task: "t", outcome: "failed", error: { code: "THREW" } } }]);
      expect(agenda.history("t", { limit: 1 }).items).toMatchObject([{ deadLetter: "sent" }]);
    });
  });

  it("pauses its task, if that is wanted", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", everyMinute({ pauseOnFailure: true }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(1));
      await world.handed[0]?.end(failed());
      await runUntil(agenda, world, at(5));
      expect(world.handed).toHaveLength(1);
      expect(agenda.get("t")).toMatchObject({ state: "paused", next: [] });
      expect(agenda.get("t").note).toContain("It failed with THREW");
    });
  });
});

describe("after a time without service", () => {
  it("catches up within the window, in order, and says what it missed", async () => {
    await inAgenda(async (agenda, world, again) => {
      world.always = OK;
      agenda.create("t", everyMinute({ catchupWindowMs: 5 * MINUTE, overlap: "bufferAll" }), SPONSOR, NOT_KEYED);
      world.nowMs = at(20) - 1;
      const later = again();
      await runUntil(later, world, at(20));
      expect(world.open).toEqual([15, 16, 17, 18, 19, 20].map((minute) => iso(at(minute))));
      expect(later.history("t", { limit: 10, outcome: "missed" }).items).toMatchObject([{ scheduledFor: iso(at(1)), count: 14 }]);
      expect(later.history("t", { limit: 10, outcome: "ok" }).items.map(({ trigger }) => trigger)).toEqual([
        "schedule",
        "schedule",
        "catch-up",
        "catch-up",
        "catch-up",
        "catch-up",
      ]);
    });
  });

  it("hands over again what a lost process was running, once, and gives up in the end", async () => {
    await inAgenda(async (agenda, world, again) => {
      agenda.create("t", { at: iso(at(1)), action: CODE }, SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(1));
      for (let i = 1; i <= 10; i++) {
        const next = again();
        expect(world.wakeMs).toBeLessThanOrEqual(world.nowMs + 1);
        await runUntil(next, world, world.nowMs + 10);
        expect(world.handed).toHaveLength(1 + i);
      }
      const last = again();
      await runUntil(last, world, world.nowMs + 10);
      expect(world.handed).toHaveLength(11);
      expect(last.history("t", { limit: 1 }).items).toMatchObject([{ outcome: "failed", error: { reason: "LOST" } }]);
    });
  });

  it("a month of seconds is one step, not a loop", async () => {
    await inAgenda(async (agenda, world, again) => {
      agenda.create("t", everyMinute({ cron: "* * * * * *", catchupWindowMs: 10_000 }), SPONSOR, NOT_KEYED);
      world.nowMs = at(30 * 24 * 60) - 1;
      const later = again();
      await runUntil(later, world, at(30 * 24 * 60));
      expect(later.stats("t").ended).toMatchObject({ missed: 1, skipped: 10 });
      expect(world.handed).toHaveLength(1);
    });
  });
});

describe("a clock that is put", () => {
  it("ahead: what is due then is caught up, once", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = OK;
      agenda.create("t", { cron: "0 * * * *", action: CODE }, SPONSOR, NOT_KEYED);
      // Nothing is due for an hour, and the alarm comes within a minute: it sees the jump.
      expect(world.wakeMs).toBe(at(1));
      world.nowMs = at(60) + 5_000;
      await runUntil(agenda, world, world.nowMs);
      expect(world.open).toEqual([iso(at(60))]);
    });
  });

  it("back a little: each time comes once", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = OK;
      agenda.create("t", everyMinute(), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(5));
      world.nowMs = at(3);
      world.wakeMs = world.nowMs;
      await runUntil(agenda, world, at(7));
      expect(world.open).toEqual([1, 2, 3, 4, 5, 6, 7].map((minute) => iso(at(minute))));
    });
  });

  it("back by days: what the wrong clock had planned is planned anew", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = OK;
      agenda.create("t", everyMinute(), SPONSOR, NOT_KEYED);
      world.nowMs = at(10 * 24 * 60);
      world.wakeMs = world.nowMs;
      await runUntil(agenda, world, world.nowMs);
      const before = world.handed.length;
      world.nowMs = at(2) + 30_000;
      world.wakeMs = world.nowMs;
      await runUntil(agenda, world, at(4));
      expect(world.open.slice(before)).toEqual([iso(at(3)), iso(at(4))]);
    });
  });
});

describe("a task that ends", () => {
  it("has no run at its end or after it, and none before its start", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = OK;
      agenda.create("t", everyMinute({ startAt: iso(at(3)), endAt: iso(at(6)) }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(10));
      expect(world.open).toEqual([3, 4, 5].map((minute) => iso(at(minute))));
      expect(agenda.get("t")).toMatchObject({ state: "completed", runs: 3 });
    });
  });

  it("has as many runs as it may, and is deleted when it should be, with its history kept", async () => {
    await inAgenda(async (agenda, world) => {
      agenda.create("t", everyMinute({ maxRuns: 2, deleteAfterCompletion: true, overlap: "allowAll" }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(10));
      expect(world.handed).toHaveLength(2);
      await world.handed[0]?.end(OK);
      expect(agenda.get("t").state).toBe("completed");
      await world.handed[1]?.end(OK);
      expect(() => agenda.get("t")).toThrow("There is no task");
      expect(agenda.history("t", { limit: 10 }).items).toHaveLength(2);
    });
  });

  it("starts at random within its jitter, and never after its next time", async () => {
    await inAgenda(async (agenda, world) => {
      world.always = OK;
      world.randomly = 0.999;
      agenda.create("t", everyMinute({ jitterMs: 10 * MINUTE, maxRuns: 2 }), SPONSOR, NOT_KEYED);
      await runUntil(agenda, world, at(10));
      expect(world.handed.map(({ atMs }) => atMs)).toEqual([at(2) - 60, at(3) - 60]);
      expect(world.open).toEqual([iso(at(1)), iso(at(2))]);
    });
  });
});
