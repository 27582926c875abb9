import { describe, expect, it } from "vitest";
import type { ScheduleService } from "../../../sdk/src/index.ts";
import { admin } from "../auth/support.ts";
import { ended } from "./support.ts";

const NEVER = { cron: "0 0 1 1 *", timezone: "Europe/Berlin" } as const;
const LONG = { code: "await new Promise((r) => setTimeout(r, 20_000)); return 1", timeoutMs: 25_000 };

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "accepted",
    (error: { code: string; reason?: string; message: string }) => `${error.code} ${error.reason ?? ""}: ${error.message}`,
  );
}

describe("create", () => {
  it.each([
    ["no time", {}, /BAD_TIMING.*one of cron, every and at/],
    ["two times", { cron: "* * * * *", every: "5m" }, /BAD_TIMING.*one of cron, every and at/],
    ["a bad pattern", { cron: "61 * * * *" }, /BAD_CRON.*five fields/],
    ["a pattern that never fires", { cron: "0 0 30 2 *" }, /NEVER_FIRES/],
    ["an unknown zone", { cron: "@daily", timezone: "Mars/Base" }, /timezone: "Mars\/Base" is no time zone/],
    ["an offset for a zone", { cron: "@daily", timezone: "+02:00" }, /is no time zone/],
    ["an interval that is too short", { every: "999ms" }, /every: must be at least 1000 ms/],
    ["an interval that is none", { every: "soon" }, /every: must be a duration/],
    ["a past instant", { at: "2020-01-01T00:00:00Z" }, /NEVER_FIRES/],
    ["an instant that is none", { at: "tomorrow" }, /BAD_TIME: .*at must be an instant/],
    [
      "an end before the start",
      { ...NEVER, startAt: "2030-01-02T00:00:00Z", endAt: "2030-01-01T00:00:00Z" },
      /endAt must be after startAt/,
    ],
    ["another action", { ...NEVER, action: { shell: "ls" } }, /action: must be one of { function }/],
    ["input that JSON has not", { ...NEVER, input: new Date() }, /input: must be JSON/],
    ["an unknown member", { ...NEVER, cronn: 1 }, /cronn/],
    ["too much", { ...NEVER, input: "x".repeat(262_144) }, /TOO_LARGE TASK: .*at most 262144 bytes/],
  ])("refuses %s", async (_what, members, expected) => {
    const { schedule } = admin();
    expect(await refusal(schedule.create("t", { action: { code: "1" }, ...members } as never))).toMatch(expected);
  });

  it("takes an interval of a second, and as much as may be", async () => {
    const { schedule } = admin();
    await schedule.create("a", { every: 1_000, action: { code: "1" } });
    const rest = JSON.stringify({ ...NEVER, action: { code: "1" }, input: "" }).length;
    await schedule.create("b", { ...NEVER, action: { code: "1" }, input: "x".repeat(262_144 - rest) });
    expect((await schedule.listTasks()).items.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("is one with its repetition, and no name is taken twice", async () => {
    const { schedule } = admin();
    const task = { ...NEVER, action: { code: "1" } };
    const made = await schedule.create("t", task, { idempotencyKey: "k" });
    expect(await schedule.create("t", task, { idempotencyKey: "k" })).toEqual(made);
    expect(await refusal(schedule.create("t", { ...task, maxRuns: 2 }, { idempotencyKey: "k" }))).toMatch(/^UNPROCESSABLE/);
    expect(await refusal(schedule.create("t", task))).toMatch(/^CONFLICT TASK_EXISTS/);
  });

  it("in a zone, by its clocks", async () => {
    const { schedule } = admin();
    const { next } = await schedule.create("t", {
      cron: "30 2 * * *",
      timezone: "Europe/Berlin",
      startAt: "2027-03-27T12:00:00Z",
      action: { code: "1" },
    });
    expect(next.slice(0, 2)).toEqual(["2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z"]);
    const { next: once } = await schedule.create("once", { at: "2027-10-31T02:30", timezone: "Europe/Berlin", action: { code: "1" } });
    expect(once).toEqual(["2027-10-31T00:30:00.000Z"]);
  });
});

describe("update", () => {
  it("changes what it names, takes away what is null, and another time replaces the old", async () => {
    const { schedule } = admin();
    await schedule.create("t", { ...NEVER, action: { code: "1" }, maxRuns: 3, tags: ["a"] });
    const changed = await schedule.update("t", { every: "1h", timezone: null, maxRuns: null, input: { n: 1 } });
    expect(changed).toMatchObject({ every: "1h", tags: ["a"], input: { n: 1 } });
    expect(Object.keys(changed)).not.toContain("cron");
    expect(Object.keys(changed)).not.toContain("maxRuns");
    expect(await refusal(schedule.update("t", { every: null }))).toMatch(/BAD_TIMING/);
    expect(await schedule.get("t")).toEqual(changed);
    expect(await refusal(schedule.update("u", {}))).toMatch(/^NOT_FOUND UNKNOWN_TASK/);
  });
});

describe("looking after tasks", () => {
  it("pages, by tag, state and prefix", async () => {
    const { schedule } = admin();
    for (const name of ["a/1", "a/2", "b/1"]) await schedule.create(name, { ...NEVER, action: { code: "1" }, tags: [name.slice(2)] });
    await schedule.pause("a/2", { note: "for now" });
    const first = await schedule.listTasks({ limit: 2 });
    expect(first.items.map(({ name }) => name)).toEqual(["a/1", "a/2"]);
    expect(
      (await schedule.listTasks({ limit: 2, ...(first.cursor ? { cursor: first.cursor } : {}) })).items.map(({ name }) => name),
    ).toEqual(["b/1"]);
    expect((await schedule.listTasks({ tag: "1" })).items.map(({ name }) => name)).toEqual(["a/1", "b/1"]);
    expect((await schedule.listTasks({ prefix: "a/", state: "paused" })).items).toMatchObject([{ name: "a/2", note: "for now", next: [] }]);
  });

  it("skips the next times, and says which come then", async () => {
    const { schedule } = admin();
    const { next } = await schedule.create("t", { ...NEVER, action: { code: "1" } });
    expect((await schedule.skipNext("t")).next[0]).toBe(next[1]);
    expect((await schedule.skipNext("t", { count: 2 })).next[0]).toBe(next[3]);
    expect((await schedule.skipNext("t", { count: 97 })).skipNext).toBe(100);
    expect(await refusal(schedule.skipNext("t"))).toMatch(/^LIMIT_EXCEEDED SKIP_NEXT/);
    expect((await schedule.skipNext("t", { count: 0 })).next).toEqual(next);
  });

  it("deletes, and what waits with it", async () => {
    const { schedule } = admin();
    await schedule.create("t", { every: "1s", overlap: "bufferAll", action: LONG });
    const run = await schedule.execute("t");
    const second = await schedule.execute("t");
    expect(second.state).toBe("buffered");
    expect(await schedule.delete("t")).toEqual({ deleted: true });
    expect(await schedule.delete("t")).toEqual({ deleted: false });
    expect(await schedule.getRun(second.id)).toMatchObject({ outcome: "cancelled", error: { reason: "TASK_DELETED" } });
    expect(await schedule.cancelRun(run.id)).toEqual({ cancelled: true });
    expect(await refusal(schedule.get("t"))).toMatch(/^NOT_FOUND/);
  });
});

describe("execute", () => {
  it("runs now, waits for the end, and answers the run", async () => {
    const { schedule } = admin();
    await schedule.create("t", { ...NEVER, action: { code: "return input.n + 1" }, input: { n: 1 } });
    expect(await schedule.execute("t", { waitMs: 10_000 })).toMatchObject({ trigger: "manual", state: "ended", outcome: "ok", result: 2 });
    expect(await schedule.execute("t", { input: { n: 9 }, waitMs: 10_000 })).toMatchObject({ result: 10 });
    expect(await schedule.execute("t", { input: {}, waitMs: 10_000 })).toMatchObject({ outcome: "ok" });
    expect(await schedule.stats({ task: "t" })).toMatchObject({ ended: { ok: 3 }, tasks: { active: 1 } });
  });

  it("is refused while another runs, if that is the policy; a run is cancelled by its id, with its execution", async () => {
    const { schedule, executions } = admin();
    await schedule.create("t", { ...NEVER, action: LONG });
    const run = await schedule.execute("t");
    expect(await refusal(schedule.execute("t"))).toMatch(/^CONFLICT OVERLAP/);
    const executionId = await idOf(schedule, run.id);
    expect(await executions.get(executionId)).toMatchObject({ state: "running", cause: "schedule:t" });
    expect(await schedule.cancelRun(run.id)).toEqual({ cancelled: true });
    const [over] = await ended(schedule, "t");
    expect(over).toMatchObject({ id: run.id, outcome: "cancelled", executionId });
    expect(await schedule.cancelRun(run.id)).toEqual({ cancelled: false });
  });

  it("of what has no input takes none", async () => {
    const { schedule } = admin();
    await schedule.create("t", { ...NEVER, action: { service: "db", method: "get", params: ["a", "b"] } });
    expect(await refusal(schedule.execute("t", { input: 1 }))).toMatch(/NO_INPUT/);
    expect(await schedule.execute("t", { waitMs: 10_000 })).toMatchObject({ outcome: "ok", result: null });
  });
});

/** Of an execution that runs: from when it has started. */
async function idOf(schedule: ScheduleService, runId: string): Promise<string> {
  for (;;) {
    const { executionId, state } = await schedule.getRun(runId);
    if (executionId !== undefined) return executionId;
    if (state === "ended") throw new Error("It has ended");
    await scheduler.wait(10);
  }
}

describe("backfill", () => {
  const spec = { cron: "0 * * * *", startAt: "2026-01-01T00:00:00Z", action: { code: "return input" }, input: "<run.scheduledFor>" };

  it("names the times first, then runs them in order", async () => {
    const { schedule } = admin();
    await schedule.create("t", spec);
    const range = { from: "2026-01-01T00:00:00Z", to: "2026-01-01T03:00:00Z" };
    const dry = await schedule.backfill("t", { ...range, dryRun: true });
    expect(dry).toMatchObject({
      dryRun: true,
      count: 3,
      times: ["2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z", "2026-01-01T02:00:00.000Z"],
      runs: [],
    });
    const done = await schedule.backfill("t", range);
    expect(done.runs).toHaveLength(3);
    const runs = await ended(schedule, "t", 3);
    expect(runs.map(({ result }) => result).toReversed()).toEqual(dry.times);
    expect(runs.map(({ trigger }) => trigger)).toEqual(["backfill", "backfill", "backfill"]);
  });

  it("takes a thousand times and not one more, and none to come", async () => {
    const { schedule } = admin();
    await schedule.create("t", { ...spec, cron: "* * * * *" });
    const from = "2026-01-01T00:00:00Z";
    const to = (minutes: number) => new Date(Date.parse(from) + minutes * 60_000).toISOString();
    expect(await schedule.backfill("t", { from, to: to(1_000), dryRun: true })).toMatchObject({ count: 1_000 });
    expect(await refusal(schedule.backfill("t", { from, to: to(1_001), dryRun: true }))).toMatch(/^LIMIT_EXCEEDED BACKFILL/);
    expect(await refusal(schedule.backfill("t", { from, to: new Date(Date.now() + 60_000), dryRun: true }))).toMatch(/FUTURE/);
  });
});

describe("pause and resume", () => {
  it("without what was missed, or with it", async () => {
    const { schedule } = admin();
    for (const name of ["without", "with"]) {
      await schedule.create(name, { every: "1s", overlap: "allowAll", action: { service: "db", method: "count", params: ["c"] } });
      expect(await schedule.pause(name, { note: "later" })).toMatchObject({ state: "paused", note: "later" });
    }
    await scheduler.wait(2_500);
    const resumed = await schedule.resume("without");
    expect(resumed).toMatchObject({ state: "active" });
    expect(Object.keys(resumed)).not.toContain("note");
    await schedule.resume("with", { runMissed: true });
    const missed = await ended(schedule, "with", 2);
    expect(missed.every(({ outcome, attempt }) => outcome === "ok" && attempt === 1)).toBe(true);
    expect(Date.parse(missed.at(-1)?.scheduledFor ?? "")).toBeLessThan(Date.parse(resumed.updatedAt) - 1_000);
    const [first] = await ended(schedule, "without", 1);
    expect(Date.parse(first?.scheduledFor ?? "")).toBeGreaterThan(Date.parse(resumed.updatedAt));
    for (const name of ["without", "with"]) await schedule.delete(name);
  });
});

describe("next and validate", () => {
  it("name times of a task, or of a time that is not kept", async () => {
    const { schedule } = admin();
    await schedule.create("t", { ...NEVER, action: { code: "1" } });
    const from = "2026-06-01T00:00:00Z";
    expect((await schedule.next("t", { count: 2, from })).items).toEqual(["2026-12-31T23:00:00.000Z", "2027-12-31T23:00:00.000Z"]);
    expect((await schedule.next({ every: "90s", startAt: from }, { count: 2, from })).items).toEqual([
      "2026-06-01T00:01:30.000Z",
      "2026-06-01T00:03:00.000Z",
    ]);
    expect((await schedule.next({ at: "2020-01-01T00:00:00Z" })).items).toEqual([]);
    expect(await refusal(schedule.next({ cron: "x" }))).toMatch(/BAD_CRON/);
    expect(await refusal(schedule.next("t", { count: 101 }))).toMatch(/INVALID_ARGUMENT/);
  });

  it.each([
    [{ cron: "30 9 * * MON-FRI", timezone: "Europe/Berlin" }, true, "At 09:30, Monday through Friday, Europe/Berlin time", []],
    [{ cron: "* * * * *" }, true, "Every minute, every hour, every day, UTC time", ["EVERY_MINUTE"]],
    [{ cron: "*/5 * * * * *" }, true, /Every 5 seconds/, ["EVERY_SECOND"]],
    [{ cron: "0 0 30 2 *" }, false, /February/, ["NEVER_FIRES"]],
    [{ cron: "0 0 1 * MON" }, true, /Monday/, ["DAY_OR_WEEKDAY"]],
    [{ cron: "*/7 * * * *" }, true, /Every 7 minutes/, ["UNEVEN_STEP"]],
    [{ cron: "0 0 31 * *" }, true, /day 31/, ["SHORT_MONTHS"]],
    [{ cron: "30 2 * * *", timezone: "America/New_York" }, true, /02:30/, ["CLOCKS_GO_FORWARD"]],
    [{ cron: "30 1 * * *", timezone: "America/New_York" }, true, /01:30/, ["CLOCKS_GO_BACK"]],
    [{ every: "1h30m" }, true, "Every 1 hour 30 minutes", []],
    [{ every: 60_000 }, true, "Every minute", ["EVERY_MINUTE"]],
    [{ at: "2999-01-01T00:00:00Z" }, true, "Once, at 2999-01-01T00:00:00.000Z", []],
  ])("%j", async (spec, valid, description, warnings) => {
    const answer = await admin().schedule.validate(spec);
    expect({ valid: answer.valid, warnings: answer.warnings.map(({ code }) => code) }).toEqual({ valid, warnings });
    expect(answer.description).toMatch(description);
  });

  it.each([
    [{ cron: "@daily", timezone: "Nowhere/Else" }, "BAD_TIMEZONE"],
    [{ cron: "x" }, "BAD_CRON"],
    [{}, "BAD_TIMING"],
    [{ cron: "@daily", evry: 1 }, "BAD_TIMING"],
  ])("%j is not valid", async (spec, reason) => {
    expect(await admin().schedule.validate(spec)).toMatchObject({ valid: false, error: { reason }, next: [] });
  });
});

describe("follow", () => {
  it("hears of each change, and waits for one", async () => {
    const { schedule } = admin();
    await schedule.create("t", { ...NEVER, action: { code: "return 7" } });
    const { cursor } = await schedule.follow();
    const waiting = schedule.follow({ since: cursor, waitMs: 10_000 });
    await schedule.execute("t");
    const heard = await waiting;
    expect(heard.items).toMatchObject([{ task: "t", trigger: "manual" }]);
    let { items, cursor: since } = heard;
    while (items[0]?.state !== "ended") ({ items, cursor: since } = await schedule.follow({ since, waitMs: 10_000, task: "t" }));
    expect(items).toMatchObject([{ outcome: "ok", result: 7 }]);
    expect(await schedule.follow({ since })).toEqual({ items: [], cursor: since });
    expect(await refusal(schedule.follow({ since: "x" }))).toMatch(/since must be a cursor/);
  });
});
