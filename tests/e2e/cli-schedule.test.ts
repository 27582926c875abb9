import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Run } from "../../sdk/src/index.ts";
import { doer, startDoer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let folder: string;
beforeAll(async () => {
  host = await testHost();
  folder = mkdtempSync(join(tmpdir(), "doer-schedule-"));
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const env = () => ({ DO_URL: host.url, DO_KEY: host.rootKey, HOME: folder });
const run = (...args: string[]) => doer(["schedule", ...args], { env: env() });

describe("doer schedule", () => {
  it("makes, lists, pauses, resumes, skips and deletes a task", async () => {
    const made = await run(
      "create",
      "a/b",
      "--cron",
      "0 0 1 1 *",
      "--zone",
      "Asia/Kolkata",
      "--call",
      "db.count",
      "--params",
      '["c"]',
      "--tag",
      "x",
      "y",
    );
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toMatch(/^a\/b: db\.count, 0 0 1 1 \* Asia\/Kolkata, active\n(\d{4}-12-31T18:30:00\.000Z\n){5}$/);
    expect((await run("list", "--tag", "y")).stdout).toMatch(
      /^NAME +WHEN +WHAT +STATE +NEXT +RUNS\na\/b +0 0 1 1 \* Asia\/Kolkata +db\.count +active +\d{4}-12-31T18:30/,
    );
    expect((await run("list", "--state", "paused")).stderr).toBe("There are no tasks.\n");
    expect((await run("pause", "a/b", "--note", "holidays")).stdout).toBe("a/b: db.count, 0 0 1 1 * Asia/Kolkata, paused (holidays)\n");
    const times = (await run("resume", "a/b")).stdout.split("\n");
    expect((await run("skip", "a/b")).stdout.split("\n")[1]).toBe(times[2]);
    expect((await run("delete", "a/b")).stdout).toBe("a/b is deleted\n");
    expect(await run("get", "a/b")).toMatchObject({ code: 3, stderr: expect.stringContaining('There is no task "a/b"') as string });
  });

  it("runs a task and prints its result; backfills; shows history, with why a run failed", async () => {
    await run(
      "create",
      "t",
      "--every",
      "1h",
      "--start",
      "2026-01-01T00:00:00Z",
      "--eval",
      "if (input.n > 1) throw new Error('too much'); return input.n",
      "--input",
      '{"n":1}',
    );
    expect(await run("run", "t")).toMatchObject({ code: 0, stdout: "1\n" });
    const failed = await run("run", "t", "--input", '{"n":2}');
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toMatch(/^\S+ t run_\w+ failed: THREW too much lag \d+ ms took \d+ ms\n$/);
    const range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T02:00:00Z"];
    expect(await run("backfill", "t", ...range, "--dry-run")).toMatchObject({
      stdout: "2026-01-01T00:00:00.000Z\n2026-01-01T01:00:00.000Z\n",
      stderr: "2 runs would be made\n",
    });
    expect((await run("history", "t", "--outcome", "failed")).stdout).toMatch(
      /\nrun_\w+ +\S+ +manual +1 +\d+ ms +\d+ ms +failed: THREW too much\n$/,
    );
    expect(JSON.parse((await doer(["--json", "schedule", "stats", "t"], { env: env() })).stdout)).toMatchObject({
      ended: { ok: 1, failed: 1 },
    });
    await run("delete", "t");
  });

  it("tail prints runs as they happen, with what they log", async () => {
    const { schedule } = connect(host.url, host.rootKey);
    await schedule.create("other", { cron: "0 0 1 1 *", action: { code: "1" } });
    await schedule.create("tick", { every: "1s", maxRuns: 2, action: { code: "console.log('hello'); return 1" } });
    const tail = startDoer(["schedule", "tail", "tick", "--logs", "--count", "1"], { env: env() });
    await tail.untilStderr("Waiting for runs of tick");
    const { code, stdout } = await tail.finished;
    expect(code).toBe(0);
    expect(stdout).toMatch(/\S+ tick run_\w+ ok lag \d+ ms took \d+ ms\n {2}log +hello\n$/);
    const json = startDoer(["--json", "schedule", "tail", "--count", "1"], { env: env() });
    await json.untilStderr("Waiting for runs.");
    const { id } = await schedule.execute("other");
    const lines = (await json.finished).stdout.trim().split("\n");
    const heard = lines.map((line) => JSON.parse(line) as Run);
    expect(heard.at(-1)).toMatchObject({ id, state: "ended", outcome: "ok" });
  });

  it.each([
    [["create", "x", "--cron", "@daily"], 2, /by one of --code, --eval, --function, --call, --queue, --http/],
    [["create", "x", "--cron", "@daily", "--eval", "1", "--http", "https://a.example"], 2, /by one of --code/],
    [["create", "x", "--cron", "@daily", "--call", "dbcount"], 2, /--call must be service\.method/],
    [["create", "x", "--eval", "1"], 3, /one of cron, every and at, and has none/],
    [["create", "x", "--cron", "@daily", "--eval", "1", "--overlap", "often"], 3, /overlap/],
    [["next"], 2, /name a task, or say when/],
    [["skip", "x", "--count", "many"], 2, /whole number/],
    [["validate", "--cron", "x"], 1, /BAD_CRON/],
    [["backfill", "x"], 2, /--from/],
    [["cancel", "x"], 3, /must be the id of a run/],
  ] as const)("%j ends with %d", async (args, code, message) => {
    const ended = await run(...args);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
  });
});
