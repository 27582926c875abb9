import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { doer, startDoer } from "../support/doer.ts";

/** An empty folder to work in, and one for what is temporary. */
let cwd: string;
let temporary: string;
let env: Record<string, string>;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "doer-cwd-"));
  temporary = mkdtempSync(join(tmpdir(), "doer-tmp-"));
  env = { TMPDIR: temporary };
});
afterEach(() => {
  for (const dir of [cwd, temporary]) rmSync(dir, { recursive: true });
});

function expectNothingLeft(): void {
  expect(readdirSync(temporary)).toEqual([]);
  expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(temporary);
}

describe("without a server", () => {
  it("eval runs the code from an empty folder, and leaves nothing", async () => {
    expect(await doer(["eval", "console.log('hi'); return 6 * 7"], { cwd, env })).toEqual({
      code: 0,
      stdout: "42\n",
      stderr: "log   hi\n",
    });
    expect(readdirSync(cwd)).toEqual([]);
    expectNothingLeft();
  });

  it("run runs a file, with the services behind it", async () => {
    writeFileSync(join(cwd, "a.ts"), "await db.upsert('c', 'i', { n: input.n }); return (await db.list('c')).items.length");
    expect(await doer(["run", "a.ts", "--input", '{"n":1}'], { cwd, env })).toEqual({ code: 0, stdout: "1\n", stderr: "" });
    expect(readdirSync(cwd)).toEqual(["a.ts"]);
    expectNothingLeft();
  });

  it("takes a variable that is empty for one that is not set", async () => {
    expect(await doer(["eval", "1 + 1", "--json"], { cwd, env: { ...env, DO_URL: "", DO_KEY: "" } })).toMatchObject({
      code: 0,
      stderr: "",
    });
    expectNothingLeft();
  });

  it("leaves nothing when the code fails, or the server refuses", async () => {
    expect(await doer(["eval", "throw new Error('x')"], { cwd, env })).toMatchObject({ code: 1 });
    expect(await doer(["eval", "1", "--timeout", "999999"], { cwd, env })).toMatchObject({ code: 3 });
    expectNothingLeft();
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("leaves nothing after %s", async (signal, code) => {
    const endless = "console.log('started'); await new Promise((r) => setTimeout(r, 1e9))";
    const { child, finished, untilStderr } = startDoer(["eval", endless], { cwd, env });
    await untilStderr("started");
    child.kill(signal);
    expect(await finished).toEqual({ code, stdout: "", stderr: "log   started\ncancelled: The execution was cancelled\n" });
    expectNothingLeft();
  });

  it("leaves nothing after a signal while the server starts", async () => {
    const { child, finished } = startDoer(["eval", "await new Promise((r) => setTimeout(r, 1e9))"], { cwd, env });
    await expect.poll(() => readdirSync(temporary), { interval: 5, timeout: 20_000 }).not.toEqual([]);
    child.kill("SIGINT");
    expect(await finished).toMatchObject({ code: 130, stdout: "" });
    expectNothingLeft();
  });
});
