import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DOER, NODE } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

/** Of util-linux: runs a command on a terminal. */
const SCRIPT = "/usr/bin/script";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

/** What `doer eval` writes to a terminal, both streams in one. */
async function onTerminal(code: string, extra: Record<string, string> = {}): Promise<string> {
  const env = { PATH: process.env["PATH"], TERM: "xterm-256color", DO_URL: host.url, DO_KEY: host.rootKey, CODE: code, ...extra };
  const running = promisify(execFile)(SCRIPT, ["-qec", `"${NODE}" "${DOER}" eval "$CODE"`, "/dev/null"], { env });
  running.child.stdin?.end();
  return (await running).stdout;
}

const LONG = "console.log('begun'); await new Promise((r) => setTimeout(r, 1_500)); return 1";

describe.skipIf(process.platform !== "linux" || !existsSync(SCRIPT))("on a terminal", () => {
  it("levels have colours, and NO_COLOR takes them away", async () => {
    expect(await onTerminal("console.warn('careful')")).toBe("\x1b[33mwarn  \x1b[39mcareful\r\n");
    expect(await onTerminal("console.warn('careful')", { NO_COLOR: "1" })).toBe("warn  careful\r\n");
  });

  it("long work has a spinner, which is gone when the result comes", async () => {
    const shown = await onTerminal(LONG);
    expect(shown).toContain(" running");
    expect(shown).toMatch(/begun\r\n/);
    expect(shown.slice(shown.lastIndexOf(" running"))).toContain("\x1b[0K1\r\n");
    expect(shown.lastIndexOf("\x1b[?25h")).toBeGreaterThan(shown.lastIndexOf("\x1b[?25l"));
  });

  it("what the code prints drives nothing", async () => {
    expect(await onTerminal(String.raw`console.log("a\x1b[2J\x1b]0;title\x07b"); return "c\x1b[31md"`, { NO_COLOR: "1" })).toBe(
      "log   ab\r\ncd\r\n",
    );
  });
});
