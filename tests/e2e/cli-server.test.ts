import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExecutionSummary, Page, WhoAmI } from "../../sdk/src/index.ts";
import { doer, startDoer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

/** Runs until it is cancelled. */
const ENDLESS = "console.log('started'); console.warn('waiting'); await new Promise((r) => setTimeout(r, 1e9))";

let host: TestHost;
let env: Record<string, string>;

beforeAll(async () => {
  host = await testHost();
  env = { DO_URL: host.url, DO_KEY: host.rootKey };
});
afterAll(() => host.stop());

const json = async (...args: string[]): Promise<unknown> => JSON.parse((await doer([...args, "--json"], { env })).stdout);
const running = async () => (await json("ps")) as Page<ExecutionSummary>;

/** An endless execution, with its id. */
async function startEndless() {
  const started = startDoer(["eval", ENDLESS], { env });
  await started.untilStderr("waiting");
  const { items } = await running();
  const [{ id } = { id: "" }] = items;
  return { ...started, id };
}

describe("ps, logs and kill", () => {
  it("show a running execution, what it has logged, and end it", async () => {
    const { id, finished } = await startEndless();

    const listed = await doer(["ps"], { env });
    expect(listed).toMatchObject({ code: 0, stderr: "" });
    expect(listed.stdout).toMatch(
      new RegExp(
        `^ID +STARTED +STATE +WALL +CPU +MEMORY +WHERE +PRINCIPAL\n${id} +\\S+Z +running +\\d+ ms +\\d+ ms +\\d+ MB +executor-\\d+ +root\n$`,
      ),
    );

    expect(await doer(["logs", id], { env })).toEqual({ code: 0, stdout: "log   started\nwarn  waiting\n", stderr: "" });

    expect(await doer(["kill", id], { env })).toEqual({ code: 0, stdout: `${id} is cancelled\n`, stderr: "" });
    const ended = await finished;
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^log {3}started\nwarn {2}waiting\ncancelled: .*\n$/);

    expect(await doer(["kill", id], { env })).toEqual({ code: 0, stdout: `${id} had ended already\n`, stderr: "" });
  });

  it("say the same to a program", async () => {
    const { id, finished } = await startEndless();
    expect(await running()).toEqual({ items: [expect.objectContaining({ id, state: "running", principalId: "root" })] });
    expect(await json("logs", id)).toMatchObject({ id, state: "running", logs: [{ message: "started" }, { message: "waiting" }] });
    expect(await json("kill", id)).toEqual({ cancelled: true });
    await finished;
    expect(await json("kill", id)).toEqual({ cancelled: false });
    expect(await json("logs", id)).toMatchObject({ id, state: "ended", outcome: "cancelled" });
  });

  it("show what has ended with --all", async () => {
    await doer(["eval", "throw new Error('x')"], { env });
    const { code, stdout } = await doer(["ps", "--all"], { env });
    expect(code).toBe(0);
    expect(stdout.split("\n")[1]).toMatch(/^exec_\S+ +\S+Z +threw +\d+ ms +\d+ ms +\d+ MB +root$/);
    const { items } = (await json("ps", "--all")) as Page<ExecutionSummary>;
    expect(items[0]).toMatchObject({ state: "ended", outcome: "threw" });
  });

  it("say that nothing runs", async () => {
    expect(await doer(["ps"], { env })).toEqual({ code: 0, stdout: "", stderr: "Nothing is running.\n" });
    expect(await running()).toEqual({ items: [] });
  });

  it("refuse an id that is none with 3", async () => {
    for (const command of ["kill", "logs"]) {
      const { code, stdout, stderr } = await doer([command, "exec_nope"], { env });
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
      expect(stderr).toMatch(/^doer: There is no such execution.*\nNOT_FOUND req_\w+\n$/);
    }
  });

  it("print logs that drive no terminal", async () => {
    const { stdout } = await doer(["eval", "--json", String.raw`console.log("a\x1b[2Jb")`], { env });
    const { id } = JSON.parse(stdout) as { id: string };
    expect((await doer(["logs", id], { env })).stdout).toBe("log   ab\n");
  });
});

describe("whoami", () => {
  it("describes the principal", async () => {
    const { code, stdout, stderr } = await doer(["whoami"], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^principal +root \(root\)\ntenant +root\ntier +internal\nservices +db, /);
    expect(stdout).not.toContain(host.rootKey);
  });

  it("is WhoAmI with --json", async () => {
    expect((await json("whoami")) as WhoAmI).toMatchObject({ principal: { id: "root", tier: "internal" }, limits: { wallMs: 30_000 } });
  });

  it("takes --url and --key before the environment", async () => {
    const options = { env: { DO_URL: "http://127.0.0.1:1", DO_KEY: "another" } };
    expect(await doer(["whoami", "--url", host.url, "--key", host.rootKey], options)).toMatchObject({ code: 0 });
  });
});

describe("a server that refuses or is not there", () => {
  const COMMANDS = [["eval", "1"], ["ps"], ["kill", "exec_x"], ["logs", "exec_x"], ["whoami"]];

  it.each(COMMANDS)("makes %s end with 3 for a wrong key, which is not shown", async (...args) => {
    const wrong = { env: { DO_URL: host.url, DO_KEY: "do_key_that_is_wrong" } };
    const { code, stdout, stderr } = await doer(args, wrong);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(
      /^doer: .*credential is not valid\nSet DO_KEY, pass --key, or run doer login\.\nUNAUTHENTICATED BAD_CREDENTIAL req_\w+\n$/,
    );
    const machine = await doer([...args, "--json"], wrong);
    expect(machine).toMatchObject({ code: 3, stderr: "" });
    expect(JSON.parse(machine.stdout)).toMatchObject({ error: { code: "UNAUTHENTICATED", reason: "BAD_CREDENTIAL", retryable: false } });
    expect(stderr + machine.stdout).not.toContain("do_key_that_is_wrong");
  });

  it("ends with 3 without a key", async () => {
    const { code, stderr } = await doer(["eval", "1"], { env: { DO_URL: host.url } });
    expect(code).toBe(3);
    expect(stderr).toMatch(/NO_CREDENTIAL/);
  });

  it.each(COMMANDS)("makes %s end with 3 when nobody listens", async (...args) => {
    const { code, stdout, stderr } = await doer(args, { env: { DO_URL: await freeUrl(), DO_KEY: "k" } });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(/^doer: Cannot reach http:\/\/127\.0\.0\.1:\d+: ECONNREFUSED\nUNAVAILABLE UNREACHABLE\n$/);
  });

  it("ends with 3 when the server refuses the request", async () => {
    const { code, stderr } = await doer(["eval", "1", "--timeout", "999999"], { env });
    expect(code).toBe(3);
    expect(stderr).toMatch(/timeoutMs must be at most 120000.*\nLIMIT_EXCEEDED TIMEOUT_TOO_LONG req_\w+\n$/);
  });
});

/** A port that was free a moment ago, and nobody listens on. */
async function freeUrl(): Promise<string> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => void server.close(resolve));
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}
