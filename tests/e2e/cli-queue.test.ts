import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connect, type Session } from "../../sdk/src/index.ts";
import { doer, startDoer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let folder: string;
let session: Session;
beforeAll(async () => {
  host = await testHost();
  folder = mkdtempSync(join(tmpdir(), "doer-queue-"));
  session = connect(host.url, host.rootKey);
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const env = () => ({ DO_URL: host.url, DO_KEY: host.rootKey, HOME: folder });
const run = (args: string[], stdin?: string) => doer(["queue", ...args], { env: env(), ...(stdin === undefined ? {} : { stdin }) });

describe("doer queue", () => {
  it("makes, lists, shows, pauses and deletes queues", async () => {
    expect((await run(["list"])).stderr).toBe("There are no queues.\n");
    expect((await run(["create", "jobs.fifo", "--lease", "5"])).stdout).toBe("jobs.fifo is a fifo queue\n");
    await run(["create", "jobs", "--retries", "0"]);
    expect((await run(["pause", "jobs"])).stdout).toBe("jobs is paused\n");
    const { stdout } = await run(["list"]);
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["NAME", "TYPE", "READY", "DELAYED", "IN FLIGHT", "DEAD", "CONSUMER", "STATE"],
      ["jobs", "standard", "0", "0", "0", "0", "paused"],
      ["jobs.fifo", "fifo", "0", "0", "0", "0"],
      [""],
    ]);
    expect((await run(["resume", "jobs"])).stdout).toBe("jobs is running\n");
    expect(JSON.parse((await doer(["--json", "queue", "show", "jobs.fifo"], { env: env() })).stdout)).toMatchObject({
      visibilityTimeoutSeconds: 5,
      stats: { ready: 0 },
    });
    expect((await run(["delete", "jobs.fifo"])).stdout).toBe("deleted\n");
  });

  it("sends one, or lines; receives, peeks, and looks after the dead", async () => {
    expect((await run(["send", "jobs", '{"n":1}'])).stdout).toMatch(/^msg_\w{26}\n$/);
    expect((await run(["send", "jobs"], "plain text\n\n[2]\n")).stderr).toBe("sent 2\n");
    const received = await run(["receive", "jobs", "--max", "2", "--ack"]);
    expect(
      received.stdout
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { body: unknown }).body),
    ).toEqual([{ n: 1 }, "plain text"]);
    expect((await run(["peek", "jobs"])).stdout).toMatch(/^ID +SENT +STATE +TRIES +BODY +REASON\nmsg_\w+ +\S+ +ready +0 +\[2\]\n$/);
    const [{ receipt } = { receipt: "" }] = (await session.queue.receive("jobs")).messages;
    await session.queue.retry("jobs", [receipt]);
    expect((await run(["dead", "jobs"])).stdout).toContain("it was given back to be tried again");
    expect((await run(["redrive", "jobs"])).stdout).toBe("1 messages are back\n");
    expect((await run(["purge", "jobs"])).stdout).toBe("1 messages are gone\n");
  });

  it("subscribes a file, and what happens is seen live", async () => {
    await session.queue.create("live");
    const file = join(folder, "consumer.ts");
    writeFileSync(file, "console.log(input.messages.length)");
    expect((await run(["subscribe", "live", file, "--wait", "0"])).stdout).toBe("live is pushed to code, on behalf of root\n");
    const tail = startDoer(["queue", "tail", "live", "--count", "3"], { env: env() });
    await tail.untilStderr("Following live.");
    const { id } = await session.queue.send("live", 1);
    const { code, stdout } = await tail.finished;
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(/ {2,}/).slice(1, 3)),
    ).toEqual([
      ["sent", id],
      ["delivered", id],
      ["acked", id],
    ]);
    // It is an execution as any, and says why it ran.
    await vi.waitFor(async () =>
      expect((await session.executions.list()).items).toContainEqual(expect.objectContaining({ cause: "queue:live", outcome: "ok" })),
    );
    expect((await run(["unsubscribe", "live"])).stdout).toBe("unsubscribed\n");
  });

  it("says what was wrong: with the command line 2, with the server 3", async () => {
    for (const args of [
      ["send", "jobs", "x", "--delay", "soon"],
      ["subscribe", "jobs"],
      ["subscribe", "jobs", "--post", "https://example.com", "--function", "f"],
    ]) {
      expect((await run(args)).code).toBe(2);
    }
    const missing = await run(["send", "nowhere", "x"]);
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining('There is no queue "nowhere"')]);
  });
});
