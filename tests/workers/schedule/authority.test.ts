import { describe, expect, it } from "vitest";
import { admin, as, surface } from "../auth/support.ts";
import { anonymousBinding, newTenant } from "../support.ts";
import { ended } from "./support.ts";

const NEVER = { cron: "0 0 1 1 *" } as const;
const WHO = { code: `const { principal, scopes } = await env.DO.whoami(); return { id: principal.id, scopes }` };
const WRITES = { code: `return db.upsert("a", "1", {}).then(() => "written", (e) => e.reason)` };

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "accepted",
    (error: { code: string; reason?: string }) => `${error.code} ${error.reason ?? ""}`,
  );
}

describe("on whose behalf a task runs", () => {
  it("its maker's, with what that may at that moment, and never once its key is revoked", async () => {
    const { auth, tenant } = admin();
    const made = await auth.createApiKey("worker", ["db:read", "schedule:*", "executions:*"]);
    const { schedule } = await as(made.key);
    await schedule.create("t", { every: "1s", action: WRITES, overlap: "allowAll" });
    const [first] = await ended(schedule, "t");
    expect(first).toMatchObject({ outcome: "ok", result: "MISSING_SCOPE" });
    await auth.revokeApiKey(made.id);
    const other = admin(tenant).schedule;
    const before = (await other.getHistory("t")).items.length;
    const runs = await ended(other, "t", before + 2);
    expect(runs[0]).toMatchObject({ outcome: "failed", attempt: 1, error: { code: "UNAUTHENTICATED" } });
    await other.delete("t");
  });

  it("who changes a task is who it runs as; who executes it is who that run is", async () => {
    const { auth, schedule: boss } = admin();
    const worker = await auth.createApiKey("worker", ["db:read", "schedule:*", "executions:*"]);
    const { schedule } = await as(worker.key);
    await boss.create("t", { ...NEVER, action: WRITES, startAt: "2026-01-01T00:00:00Z" });
    expect(await schedule.execute("t", { waitMs: 10_000 })).toMatchObject({ result: "MISSING_SCOPE" });
    expect(await boss.execute("t", { waitMs: 10_000 })).toMatchObject({ result: "written" });
    // What the maker's rights did before is not done with them once somebody else has said what it is.
    await schedule.update("t", { action: WHO });
    expect(await boss.execute("t", { waitMs: 10_000 })).not.toMatchObject({ result: { id: worker.id } });
    await boss.backfill("t", { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" });
    const runs = await ended(boss, "t", 4);
    expect(runs.find(({ trigger }) => trigger === "backfill")).toMatchObject({ result: { id: worker.id } });
  });

  it("code leaves no more than it holds itself", async () => {
    const { execute, schedule } = admin();
    const code = `await schedule.create("t", { every: "1s", maxRuns: 1, action: { code: ${JSON.stringify(WRITES.code)} } }); return 1`;
    expect(await execute({ code, services: ["schedule"] })).toMatchObject({ outcome: "ok" });
    const [run] = await ended(schedule, "t");
    expect(run).toMatchObject({ outcome: "failed", error: { code: "THREW" } });
    expect(run?.error?.message).toContain("db is not defined");
  });

  it("nobody leaves none", async () => {
    const task = { ...NEVER, action: { code: "1" } };
    await expect(admin(newTenant(), "public").schedule.create("t", task)).rejects.toMatchObject({ reason: "SERVICE_NOT_GRANTED" });
    await expect(surface(anonymousBinding()).schedule.create("t", task)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("scopes", () => {
  it("name tasks: what is not named is neither seen nor changed", async () => {
    const { auth, schedule: boss } = admin();
    for (const name of ["a/1", "b/1"]) await boss.create(name, { ...NEVER, action: { code: "return 1" } });
    const run = await boss.execute("b/1", { waitMs: 10_000 });
    const { key } = await auth.createApiKey("a only", ["schedule:read:a/*", "schedule:write:a/*"]);
    const { schedule } = await as(key);
    expect(await schedule.get("a/1")).toMatchObject({ name: "a/1" });
    await schedule.pause("a/1");
    expect(await schedule.next("a/1")).toBeDefined();
    expect((await schedule.follow({ task: "a/1", since: "0" })).items).toEqual([]);
    const refused = [
      schedule.get("b/1"),
      schedule.listTasks(),
      schedule.create("b/2", { ...NEVER, action: { code: "1" } }),
      schedule.update("b/1", {}),
      schedule.delete("b/1"),
      schedule.execute("b/1"),
      schedule.resume("b/1"),
      schedule.skipNext("b/1"),
      schedule.backfill("b/1", { from: 0, to: 1 }),
      schedule.next("b/1"),
      schedule.getHistory("b/1"),
      schedule.follow({ task: "b/1" }),
      schedule.follow(),
      schedule.stats({ task: "b/1" }),
      schedule.stats(),
      schedule.getRun(run.id),
      schedule.cancelRun(run.id),
    ];
    for (const work of refused) expect(await refusal(work)).toBe("PERMISSION_DENIED MISSING_SCOPE");
    const { key: reading } = await auth.createApiKey("reads", ["schedule:read"]);
    const { schedule: reader } = await as(reading);
    expect((await reader.listTasks()).items).toHaveLength(2);
    expect(await refusal(reader.pause("a/1"))).toBe("PERMISSION_DENIED MISSING_SCOPE");
  });

  it("another tenant has other tasks, of the same names, and no run of these", async () => {
    const [one, two] = [admin().schedule, admin().schedule];
    await one.create("t", { ...NEVER, action: { code: "return 1" } });
    const run = await one.execute("t", { waitMs: 10_000 });
    expect(await refusal(two.get("t"))).toBe("NOT_FOUND UNKNOWN_TASK");
    expect(await refusal(two.getRun(run.id))).toBe("NOT_FOUND UNKNOWN_RUN");
    expect(await refusal(two.cancelRun(run.id))).toBe("NOT_FOUND UNKNOWN_RUN");
    expect((await two.follow({ since: "0" })).items).toEqual([]);
  });

  it("an answer says nothing of who it is for", async () => {
    const { schedule } = admin();
    const task = await schedule.create("t", { ...NEVER, action: { code: "return 1" } });
    const run = await schedule.execute("t", { waitMs: 10_000 });
    expect(JSON.stringify([task, run, await schedule.getHistory("t")])).not.toMatch(/sponsor|scopes|principal/);
  });
});

describe("the queue of a task", () => {
  it("gets its message once for a run, and its dead letter; a queue that is not there is a failure", async () => {
    const { key } = await admin().auth.createApiKey("worker", ["schedule:*", "executions:*", "queue:*"]);
    const { schedule, queue } = await as(key);
    await queue.create("jobs");
    await queue.create("dead");
    await schedule.create("send", { ...NEVER, action: { queue: "jobs", message: { n: 1 }, options: { priority: 3 } } });
    expect(await schedule.execute("send", { waitMs: 10_000 })).toMatchObject({ outcome: "ok" });
    expect((await queue.peek("jobs")).items).toMatchObject([{ body: { n: 1 }, priority: 3 }]);
    await schedule.create("nowhere", { ...NEVER, action: { queue: "none", message: 1 }, deadLetter: { queue: "dead" } });
    expect(await schedule.execute("nowhere", { waitMs: 10_000 })).toMatchObject({
      outcome: "failed",
      attempt: 1,
      error: { code: "NOT_FOUND", reason: "QUEUE_NOT_FOUND" },
    });
    const { messages } = await queue.receive("dead", { waitSeconds: 10 });
    expect(messages).toMatchObject([{ body: { task: "nowhere", error: { code: "NOT_FOUND" } } }]);
  });
});

describe("a task that calls a saved function", () => {
  it("gives it the input and has its answer; what it throws is tried again", async () => {
    const { schedule, execute } = admin(newTenant(), "internal");
    const deploy = `await gateway.deploy("double", { code: "export default ({ input }) => input.n * 2" });
      await gateway.deploy("throws", { code: "export default () => { throw new Error('no') }" });`;
    expect(await execute({ code: deploy })).toMatchObject({ outcome: "ok" });
    await schedule.create("t", { ...NEVER, action: { function: "double" }, input: { n: 21 } });
    expect(await schedule.execute("t", { waitMs: 10_000 })).toMatchObject({ outcome: "ok", result: 42 });
    await schedule.create("u", { ...NEVER, action: { function: "throws" }, retry: { maxAttempts: 1 } });
    expect(await schedule.execute("u", { waitMs: 10_000 })).toMatchObject({ outcome: "failed", error: { code: "UPSTREAM" } });
    await schedule.create("v", { ...NEVER, action: { function: "gone" }, retry: { maxAttempts: 5 } });
    expect(await schedule.execute("v", { waitMs: 10_000 })).toMatchObject({ outcome: "failed", attempt: 1, error: { code: "NOT_FOUND" } });
  });
});

describe("what is not built yet", () => {
  it.each([[{ http: { url: "https://a.example/" } }, "UNSUPPORTED"]])("%j says so, once", async (action, code) => {
    const { schedule } = admin();
    await schedule.create("t", { ...NEVER, action, retry: { maxAttempts: 5 }, deadLetter: { queue: "dead" } });
    expect(await schedule.execute("t", { waitMs: 10_000 })).toMatchObject({ outcome: "failed", attempt: 1, error: { code } });
    let since = "0";
    let letter: string | undefined = "waiting";
    while (letter === "waiting") {
      ({ cursor: since } = await schedule.follow({ since, waitMs: 1_000 }));
      letter = (await schedule.getHistory("t")).items[0]?.deadLetter;
    }
    expect(letter).toBe("failed");
  });
});
