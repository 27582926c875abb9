import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../host/src/bundle.ts";
import type { EncodedAnswer } from "../../sdk/src/types.ts";
import { chaos, untilServing } from "../support/chaos.ts";
import { testHost, type TestHost } from "../support/host.ts";

const MOST_RECOVERY_MS = 1_000;
const KILLS = 6;

describe("kill -9 in the middle of load", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await testHost();
  });
  afterAll(() => host.stop());

  it(`of each kind of child, ${KILLS} in all: every caller hears something true, nothing acknowledged is lost`, async () => {
    const { answered, acknowledged, recoveryMs, count, ...bad } = await chaos(host, KILLS, (load) => load.more(40));
    console.log(`${answered} answers ${JSON.stringify(count)}, ${acknowledged} writes, ms to serve again ${JSON.stringify(recoveryMs)}`);
    expect(bad).toEqual({ wrong: [], lostThatWroteNothing: [], missing: [], writtenTwice: [] });
    expect(acknowledged).toBeGreaterThan(30);
    expect(Math.max(...Object.values(recoveryMs).flat())).toBeLessThanOrEqual(MOST_RECOVERY_MS);
  });

  const answerOf = async (response: Promise<Response>) => (await (await response).json()) as EncodedAnswer;
  const killExecutors = () => host.pids.executors.forEach((pid) => process.kill(pid, "SIGKILL"));
  const untilWritten = async (id: string) => {
    for (;;) {
      const { result } = await answerOf(host.execute({ code: `return (await db.get("c", input)) !== null`, input: id }));
      if (result === true) return;
    }
  };

  it("an execution that wrote nothing is run again by itself, and one that wrote answers lost, with its logs", async () => {
    const waits = `await new Promise((r) => setTimeout(r, 500));`;
    const wrote = answerOf(
      host.execute({
        code: `console.log("begun"); await db.upsert("c", "mark", {}); ${waits} await db.upsert("c", "second", {}); return 1`,
      }),
    );
    const innocent = answerOf(host.execute({ code: `console.log("once"); ${waits} return 2` }));
    await untilWritten("mark");
    killExecutors();
    expect(await innocent).toMatchObject({ outcome: "ok", result: 2, logs: [{ message: "once" }] });
    expect(await wrote).toMatchObject({ outcome: "lost", error: { reason: "EXECUTOR_LOST" }, logs: [{ message: "begun" }] });
    expect(await answerOf(host.execute({ code: `return db.get("c", "second")` }))).toMatchObject({ outcome: "ok", result: null });
  });
});

describe("a child that ends again and again", () => {
  it("makes /ready fail by its name, and is said in the log", async () => {
    const loops: unknown[] = [];
    const host = await testHost(undefined, { log: (level, event, members) => event === "crash-loop" && loops.push({ level, ...members }) });
    expect((await fetch(`${host.url}/ready`)).status).toBe(200);
    for (let i = 0; i < 5; i++) {
      await untilServing(host);
      process.kill(host.pids.stores[0] ?? 0, "SIGKILL");
    }
    await untilServing(host);
    expect(loops).toEqual([{ level: "error", process: "store-0", why: "store-0 ended: SIGKILL" }]);
    await expect.poll(async () => (await fetch(`${host.url}/ready`)).status, { timeout: 10_000 }).toBe(503);
    const problem = (await (await fetch(`${host.url}/ready`)).json()) as object;
    expect(problem).toMatchObject({ code: "UNAVAILABLE", reason: "CRASH_LOOP", detail: expect.stringContaining("store-0") });
    await host.stop();
  });
});

describe.runIf(process.platform === "linux")("kill -9 of the supervisor", () => {
  let folder: string;
  const started: ChildProcess[] = [];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "do-orphans-"));
  });
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const KEY = "do_root_of_the_chaos_test_0123456789";

  async function start(): Promise<{ child: ChildProcess; pid: number; url: string }> {
    const child = spawn(process.execPath, [join(ROOT, "host/src/main.ts"), "--port", "0", "--data", join(folder, "data")], {
      env: { ...process.env, DO_ROOT_KEY: KEY },
      stdio: ["ignore", "pipe", "ignore"],
    });
    started.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = /^do is ready on (http:\/\/\S+)$/.exec(line) ?? [];
      if (url && child.pid !== undefined) return { child, pid: child.pid, url };
    }
    throw new Error("The host did not start");
  }

  const run = async (url: string, code: string) => {
    const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
    const response = await fetch(`${url}/execute`, { method: "POST", headers, body: JSON.stringify({ code }) });
    return (await response.json()) as EncodedAnswer;
  };

  it("leaves no process, and the next start on the folder has everything", async () => {
    const first = await start();
    expect(await run(first.url, `return (await db.upsert("c", "kept", {})).created`)).toMatchObject({ result: true });
    const family = descendants(first.pid);
    // A front, four stores, two executors and what each of these is wrapped in.
    expect(family.length).toBeGreaterThanOrEqual(7);
    // Not even one that never comes to look at anything.
    const busy = run(first.url, `for (;;);`).catch(() => undefined);
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    await busy;
    await expect.poll(() => family.filter(isThere), { timeout: 5_000, interval: 10 }).toEqual([]);
    const second = await start();
    expect(await run(second.url, `return (await db.get("c", "kept")).version`)).toMatchObject({ result: 1 });
  });
});

interface Identity {
  readonly pid: number;
  readonly startTicks: string;
}

/** Fields of /proc/PID/stat from the third on: the second, a name, may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function descendants(pid: number): Identity[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return all.flatMap((child) => {
    const stat = statOf(child);
    if (stat?.[1] !== String(pid)) return [];
    return [{ pid: child, startTicks: stat[19] ?? "" }, ...descendants(child)];
  });
}

/** A process that has ended and that nobody waited for is not there. */
function isThere({ pid, startTicks }: Identity): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat[0] !== "Z" && stat[19] === startTicks;
}
