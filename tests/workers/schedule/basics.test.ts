import { describe, expect, it } from "vitest";
import { admin } from "../auth/support.ts";
import { ended } from "./support.ts";

const soon = () => new Date(Date.now() + 300);

describe("a task", () => {
  it("runs its code at its instant, as who made it, with its input, and is over then", async () => {
    const { schedule, executions, tenant } = admin();
    const at = soon();
    const made = await schedule.create("report", {
      at,
      action: { code: `console.log("at work"); return { who: (await env.DO.whoami()).principal.tenant, input }` },
      input: { run: "<run.scheduledFor> <run.attempt> <run.task> <run.nothing>" },
    });
    expect(made).toMatchObject({ name: "report", state: "active", next: [at.toISOString()] });
    const [run] = await ended(schedule, "report");
    expect(run).toMatchObject({
      outcome: "ok",
      trigger: "schedule",
      attempt: 1,
      scheduledFor: at.toISOString(),
      result: { who: tenant, input: { run: `${at.toISOString()} 1 report <run.nothing>` } },
    });
    const execution = await executions.get(run?.executionId ?? "");
    expect(execution).toMatchObject({ cause: "schedule:report", outcome: "ok", logs: [{ message: "at work" }] });
    expect(await schedule.get("report")).toMatchObject({ state: "completed", runs: 1, next: [] });
  });

  it("calls a method of a service", async () => {
    const { schedule, db } = admin();
    await schedule.create("log", {
      every: "1s",
      maxRuns: 2,
      action: { service: "db", method: "insert", params: ["log", { at: "<run.scheduledFor>" }, { id: "<run.attempt>" }] },
    });
    const runs = await ended(schedule, "log", 2);
    expect(runs.map(({ outcome }) => outcome)).toEqual(["failed", "ok"]);
    expect(await db.get("log", "1")).toMatchObject({ data: { at: runs[1]?.scheduledFor } });
    expect(runs[0]?.error).toMatchObject({ code: "CONFLICT" });
  });
});
