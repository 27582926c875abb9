import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../host/src/bundle.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "do-start-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "exit");
  }
});

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

interface Started {
  child: ChildProcess;
  output: string;
  url: string | undefined;
}

/** Starts the host as `pnpm start` does, until it is ready or has ended. */
async function start(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Started> {
  const { DO_ROOT_KEY: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [join(ROOT, "host/src/main.ts"), ...args], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  for await (const line of createInterface({ input: child.stdout })) {
    output += `${line}\n`;
    const ready = /^do is ready on (http:\/\/\S+)$/.exec(line);
    if (ready) return { child, output, url: ready[1] };
  }
  if (child.exitCode === null) await once(child, "exit");
  return { child, output, url: undefined };
}

async function run(url: string | undefined, key: string, code: string) {
  const init = {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ code }),
  };
  const response = await fetch(`${url}/execute`, init);
  return { status: response.status, body: (await response.json()) as { result?: unknown } };
}

describe("pnpm start", () => {
  it("makes a key at first start, shows it once, keeps it for its owner alone, and data over a restart", async () => {
    const data = join(folder, "first");
    const first = await start(["--port", "0", "--data", data]);
    const key = /export DO_KEY=(\S+)/.exec(first.output)?.[1] ?? "";
    expect(key).toMatch(/^do_root_[\w-]{43}$/);
    expect(readFileSync(join(data, "root.key"), "utf8").trim()).toBe(key);
    expect(statSync(join(data, "root.key")).mode & 0o777).toBe(0o600);
    expect(await run(first.url, key, `await db.upsert("kept", "1", { n: 1 }); return 1`)).toMatchObject({
      status: 200,
      body: { result: 1 },
    });

    first.child.kill("SIGTERM");
    expect(await once(first.child, "exit")).toEqual([0, null]);

    const second = await start(["--port", "0", "--data", data]);
    expect(second.output).not.toContain(key);
    expect(await run(second.url, key, `return (await db.get("kept", "1")).data`)).toMatchObject({ body: { result: { n: 1 } } });
  });

  it("takes the key of the environment, and writes it nowhere", async () => {
    const data = join(folder, "environment");
    const key = "do_root_given_by_the_operator_123";
    const { url, output, child } = await start(["--port", "0", "--data", data], { DO_ROOT_KEY: key });
    expect(output).not.toContain(key);
    expect(await run(url, key, "return 2")).toMatchObject({ body: { result: 2 } });
    // A run is recorded after its answer: its files come and go until the host has ended.
    child.kill("SIGTERM");
    await once(child, "exit");
    expect(() => statSync(join(data, "root.key"))).toThrow("ENOENT");
    const files = readdirSync(data, { recursive: true, encoding: "utf8" }).filter((file) => statSync(join(data, file)).isFile());
    for (const file of files) expect(readFileSync(join(data, file), "latin1"), file).not.toContain(key);
  });

  it("refuses a data folder that another host uses", async () => {
    const data = join(folder, "twice");
    await start(["--port", "0", "--data", data]);
    const second = await start(["--port", "0", "--data", data]);
    expect(second).toMatchObject({ url: undefined, output: expect.stringContaining("is in use by process") });
    expect(second.child.exitCode).toBe(1);
  });

  it("takes over a folder whose host was killed", async () => {
    const data = join(folder, "killed");
    const first = await start(["--port", "0", "--data", data], { DO_ROOT_KEY: "do_root_of_the_killed_host_1" });
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    const orphan = Number(readFileSync(join(data, "writers/front"), "utf8").split(" ")[0]);
    const second = await start(["--port", "0", "--data", data], { DO_ROOT_KEY: "do_root_of_the_killed_host_1" });
    expect(second.url).toBeDefined();
    // What the killed host left behind writes to the folder no more.
    expect(spawnSync("ps", ["-o", "command=", "-p", String(orphan)], { encoding: "utf8" }).stdout).not.toContain(data);
  });

  it("says what its executors are confined by, and one line of JSON for each event", async () => {
    const key = "do_root_of_the_talking_host_12";
    const { child, url, output } = await start(["--port", "0", "--data", join(folder, "talking"), "--executors", "1-2", "--stores", "1"], {
      DO_ROOT_KEY: key,
    });
    expect(output).toMatch(/^Code runs (in bubblewrap|as an unprivileged user|as this user)/m);
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const answer = await fetch(`${url}/execute`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", traceparent: TRACEPARENT },
      body: JSON.stringify({ code: "return 1" }),
    });
    const { id } = (await answer.json()) as { id: string };
    await expect.poll(() => log).toContain(id);
    const lines = log.split("\n").filter((line) => line.startsWith("{"));
    expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({
        level: "info",
        event: "request",
        method: "POST",
        path: "/execute",
        status: 200,
        executionId: id,
        requestId: answer.headers.get("x-request-id"),
        traceId: TRACEPARENT.split("-")[1],
      }),
    );
    expect(log).not.toContain(key);
  });

  it("refuses another number of stores than the folder was made with", async () => {
    const data = join(folder, "stores");
    const first = await start(["--port", "0", "--data", data, "--stores", "2"]);
    first.child.kill("SIGTERM");
    await once(first.child, "exit");
    const second = await start(["--port", "0", "--data", data, "--stores", "3"]);
    expect(second).toMatchObject({ url: undefined, output: expect.stringContaining("was made with --stores 2, and that is fixed") });
    expect(second.child.exitCode).toBe(1);
  });

  it("a draining host finishes what runs and exits 0", async () => {
    const { child, url } = await start(["--port", "0", "--data", join(folder, "drain")], { DO_ROOT_KEY: "do_root_of_the_draining_host" });
    const running = run(
      url,
      "do_root_of_the_draining_host",
      `console.log("x"); await new Promise((r) => setTimeout(r, 400)); return "finished"`,
    );
    // It has begun when it is listed.
    const list = async () =>
      (
        (await (
          await fetch(`${url}/executions?state=running`, { headers: { authorization: "Bearer do_root_of_the_draining_host" } })
        ).json()) as { items: unknown[] }
      ).items;
    while ((await list()).length === 0);
    child.kill("SIGTERM");
    expect(await running).toMatchObject({ body: { result: "finished" } });
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("takes its configuration from a file, and does not start with one that is wrong", async () => {
    const [good, bad] = [join(folder, "good.json"), join(folder, "bad.json")];
    writeFileSync(good, JSON.stringify({ tiers: { internal: { concurrent: 7 } } }));
    writeFileSync(bad, JSON.stringify({ tiers: { gold: {} } }));
    const key = "do_root_of_the_configured_host_1";
    const { url } = await start(["--port", "0", "--data", join(folder, "configured"), "--config", good], { DO_ROOT_KEY: key });
    const who = await fetch(`${url}/auth`, { headers: { authorization: `Bearer ${key}` } });
    expect(await who.json()).toMatchObject({ limits: { concurrent: 7 } });
    const wrong = await start(["--port", "0", "--data", join(folder, "misconfigured"), "--config", bad], { DO_ROOT_KEY: key });
    expect(wrong).toMatchObject({ url: undefined, output: expect.stringContaining("tiers.gold: extends must be one of") });
    expect(wrong.child.exitCode).toBe(1);
  });

  it.each([
    [["--config", "nowhere.json"], "--config nowhere.json cannot be read"],
    [["--port", "70000"], "--port must be 0 to 65535"],
    [["--prot", "1"], "--prot"],
    [["--host", "example.com"], "--host must be an IP address"],
    [["--host", "0.0.0.0"], "say --public too"],
    [["--executors", "0"], "--executors must be MIN-MAX, from 1 to 256"],
    [["--executors", "8-2"], "--executors must be MIN-MAX"],
    [["--stores", "0"], "--stores must be 1 to 64"],
    [["--memory", "1"], "--memory must be 64 to 16384"],
    [["--tls-cert", "c.pem"], "--tls-cert and --tls-key belong together"],
  ])("%j is a usage error, exit 2", async (args, message) => {
    const { child, output } = await start([...args, "--data", join(folder, "usage")]);
    expect(output).toContain(message);
    expect(child.exitCode).toBe(2);
  });
});
