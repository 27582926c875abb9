import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExecutionRecord, ExecutionSummary, Page } from "../../sdk/src/index.ts";
import { startDoer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

const ENDLESS = "console.log('started'); await new Promise((r) => setTimeout(r, 1e9))";

let host: TestHost;
let env: Record<string, string>;

beforeAll(async () => {
  host = await testHost();
  env = { DO_URL: host.url, DO_KEY: host.rootKey };
});
afterAll(() => host.stop());

async function onlyRunning(): Promise<string> {
  const { items } = (await (await host.ask("/executions?state=running")).json()) as Page<ExecutionSummary>;
  expect(items).toHaveLength(1);
  return items[0]?.id ?? "";
}

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s cancels the execution on the server and ends with %i", async (signal, code) => {
  const { child, finished, untilStderr } = startDoer(["eval", ENDLESS], { env });
  await untilStderr("started");
  const id = await onlyRunning();
  child.kill(signal);
  expect(await finished).toEqual({ code, stdout: "", stderr: "log   started\ncancelled: The execution was cancelled\n" });
  expect((await (await host.ask(`/executions/${id}`)).json()) as ExecutionRecord).toMatchObject({ state: "ended", outcome: "cancelled" });
});

it("answers with one document after Ctrl-C, too", async () => {
  const { child, finished } = startDoer(["eval", ENDLESS, "--json"], { env });
  await expect.poll(async () => (await host.ask("/executions?state=running")).json()).toMatchObject({ items: [{}] });
  child.kill("SIGINT");
  const { code, stdout, stderr } = await finished;
  expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ outcome: "cancelled", logs: [{ message: "started" }] });
});

it("ends soon after Ctrl-C when the server is gone", async () => {
  const lost = await testHost();
  const { child, finished, untilStderr } = startDoer(["eval", ENDLESS], { env: { DO_URL: lost.url, DO_KEY: lost.rootKey } });
  await untilStderr("started");
  const { front = 0 } = lost.pids;
  process.kill(front, "SIGSTOP"); // it holds its connections and answers nothing
  child.kill("SIGINT");
  expect(await finished).toMatchObject({ code: 130, stdout: "" });
  await lost.stop();
});
