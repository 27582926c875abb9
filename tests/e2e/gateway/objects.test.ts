import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Session } from "../../../sdk/src/index.ts";
import { countUnderSwitches } from "../../support/objects.ts";
import { testHost, type TestHost } from "../../support/host.ts";

const data = mkdtempSync(join(tmpdir(), "do-objects-"));
let host: TestHost;
let session: Session;
const start = async () => {
  host = await testHost(undefined, { data });
  session = connect(host.url, host.rootKey);
};
beforeAll(start);
afterAll(async () => {
  await host.stop();
  rmSync(data, { recursive: true, force: true });
});

const code = (version: number) => `
  import { DurableObject } from "cloudflare:workers";
  export class Counter extends DurableObject {
    calls = 0;
    constructor(ctx, env) { super(ctx, env); ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counts (n INTEGER)") }
    increment(by = 1) {
      this.calls++;
      this.ctx.storage.sql.exec("INSERT INTO counts VALUES (?)", by);
      return { n: this.ctx.storage.sql.exec("SELECT sum(n) AS n FROM counts").one().n, calls: this.calls, version: ${version} };
    }
    async wait(ms) { await scheduler.wait(ms); return this.increment() }
    fetch(request) { return new Response(request.body, { headers: { "x-version": "${version}" } }) }
    loops() { for (;;); }
    native() { this.increment(); "a".repeat(50).match(/^(a|a)*$/.test("a".repeat(40) + "b") ? /a/ : /b/) }
    eats() { const all = []; for (;;) all.push(new Uint8Array(10_000_000).fill(1)) }
  }
  export default {
    async fetch(request, env) {
      const [name, method] = new URL(request.url).pathname.slice(1).split("/");
      const object = env.COUNTER.getByName(name);
      return method === "fetch" ? object.fetch(request) : Response.json(await object[method]());
    },
  };`;
const bindings = [{ type: "durable_object_namespace" as const, name: "COUNTER", class_name: "Counter" }];
const deploy = (name: string, version = 1, limits: object = {}) => session.gateway.deploy(name, { code: code(version), bindings, limits });
const counter = (name: string, object: string) =>
  session.gateway.object(name, object) as unknown as Record<
    string,
    (...args: unknown[]) => Promise<{ n: number; calls: number; version: number }>
  >;
const call = (name: string, object: string, method: string, ...args: unknown[]) =>
  counter(name, object)[method]?.(...args) ?? Promise.reject(new Error());
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    (value) => ({ value }),
    (error: unknown) => ({ reason: (error as { reason?: string }).reason, code: (error as { code?: string }).code }),
  );

const IS_ROOT = process.getuid?.() === 0;

/** What a process has open. */
function filesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
}

describe("objects on the host", () => {
  it("keep what they store, for calls by name, by code and by request", async () => {
    await deploy("counter");
    expect(await call("counter", "a", "increment", 2)).toEqual({ n: 2, calls: 1, version: 1 });
    expect(await call("counter", "a", "increment", 3)).toEqual({ n: 5, calls: 2, version: 1 });
    expect(await (await host.ask("/fn/root/counter/a/increment")).json()).toMatchObject({ n: 6 });
    const body = "x".repeat(1_000_000);
    const echoed = await host.ask("/fn/root/counter/a/fetch", { method: "POST", body });
    expect([echoed.status, echoed.headers.get("x-version"), (await echoed.text()).length]).toEqual([200, "1", body.length]);
    expect(await (await host.execute({ code: 'return (await gateway.object("counter", "a").increment()).n' })).json()).toMatchObject({
      result: 7,
    });
    const { items } = await session.executions.list({ limit: 1 });
    expect(items.length).toBe(1);
  });

  it("have it after their process was killed, and after the host was", async () => {
    const before = (await call("counter", "a", "increment")).n;
    for (const pid of host.pids.homes) process.kill(pid, "SIGKILL");
    expect((await call("counter", "a", "increment")).n).toBe(before + 1);
    await host.restart();
    expect((await call("counter", "a", "increment")).n).toBe(before + 2);
  });

  it("another version goes on with it", async () => {
    const before = (await call("counter", "a", "increment")).n;
    await deploy("counter", 2);
    expect(await call("counter", "a", "increment")).toEqual({ n: before + 1, calls: 1, version: 2 });
    await session.gateway.rollback("counter");
    expect(await call("counter", "a", "increment")).toEqual({ n: before + 2, calls: 1, version: 1 });
  });

  it("versions are switched under calls: none fails, and nothing that was counted is lost", async () => {
    expect(await countUnderSwitches(host, { requests: 60, clients: 6 }, 4)).toEqual({ failed: [], wrong: [], versions: 2 });
  });

  it("one that loops ends by itself, the others of its function and all others go on", async () => {
    await deploy("short", 1, { cpuMs: 200 });
    await deploy("other");
    const n = (await call("short", "a", "increment")).n;
    const innocent = [call("short", "b", "wait", 600), call("other", "a", "wait", 600)];
    expect(await reasonOf(call("short", "a", "loops"))).toEqual({ code: "UPSTREAM", reason: "FUNCTION_CPU_LIMIT" });
    expect(await Promise.all(innocent)).toMatchObject([{ n: 1 }, { n: 1 }]);
    expect((await call("short", "a", "increment")).n).toBe(n + 1);
  });

  it("one that nothing inside can end takes its process with it, and no other function's", async () => {
    const n = (await call("short", "a", "increment")).n;
    const other = call("other", "a", "wait", 600);
    const pids = host.pids.homes;
    expect(await reasonOf(call("short", "a", "native"))).toEqual({ code: "UPSTREAM", reason: "FUNCTION_CPU_LIMIT" });
    expect(await other).toMatchObject({ n: 2 });
    expect((await call("short", "a", "increment")).n).toBeGreaterThanOrEqual(n + 1);
    expect(host.pids.homes.filter((pid) => pids.includes(pid)).length).toBe(pids.length - 1);
  });

  it("another tenant's are others under the same names, and notice nothing of a loop", async () => {
    const { key } = await session.auth.createTenant("neighbour", { tier: "internal" });
    const theirs = connect(host.url, key).gateway;
    await theirs.deploy("short", { code: code(7), bindings });
    expect(await theirs.callObject("short", "a", "increment")).toEqual({ n: 1, calls: 1, version: 7 });
    const waits = theirs.callObject("short", "a", "wait", [500]);
    expect(await reasonOf(call("short", "a", "native"))).toMatchObject({ reason: "FUNCTION_CPU_LIMIT" });
    expect(await waits).toMatchObject({ n: 2, calls: 2 });
    expect((await theirs.listObjects("short")).items.map(({ name }) => name)).toEqual(["a"]);
  });

  it("one that takes too much memory is ended", async () => {
    await deploy("large", 1, { memoryMb: 128 });
    const n = (await call("large", "a", "increment")).n;
    expect(await reasonOf(call("large", "a", "eats"))).toMatchObject({ reason: "FUNCTION_MEMORY_LIMIT" });
    expect((await call("large", "a", "increment")).n).toBe(n + 1);
  });

  it("an answer that was given is on the disk", async () => {
    await deploy("durable");
    for (let round = 1; round <= 3; round++) {
      const { n } = await call("durable", "a", "increment");
      for (const pid of host.pids.homes) process.kill(pid, "SIGKILL");
      expect(n).toBe(round);
    }
    expect((await call("durable", "a", "increment", 0)).n).toBe(3);
  });

  it("a process of them sees its own folder, and no other", async () => {
    await Promise.all([call("durable", "a", "increment"), call("other", "a", "increment")]);
    expect(statSync(join(data, "homes")).mode & 0o777).toBe(0o700);
    for (const home of readdirSync(join(data, "homes"))) {
      const { mode, uid } = statSync(join(data, "homes", home));
      expect([mode & 0o777, uid]).toEqual([0o700, host.confinement !== "limits" && IS_ROOT ? 65_534 : process.getuid?.()]);
    }
  });

  it.runIf(process.platform === "linux")("nor has another's open", () => {
    const seen = host.pids.homes.map((pid) => [
      ...new Set(filesOf(pid).flatMap((file) => /\/homes\/([0-9a-f]{64})/.exec(file)?.[1] ?? [])),
    ]);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.map(({ length }) => length)).toEqual(seen.map(() => 1));
    expect(new Set(seen.flat()).size).toBe(seen.length);
  });

  it.runIf(process.platform === "linux" && IS_ROOT)("another user cannot go up from the folder that it is handed", () => {
    const [home = ""] = readdirSync(join(data, "homes"));
    const folder = openSync(join(data, "homes", home), "r");
    const command = ["--reuid=65534", "--regid=65534", "--clear-groups", "ls", "/proc/self/fd/3/..", "/proc/self/fd/3/."];
    const { stdout, stderr } = spawnSync("/usr/bin/setpriv", command, { stdio: ["ignore", "pipe", "pipe", folder], encoding: "utf8" });
    closeSync(folder);
    expect(stdout).toContain("do-function-objects");
    expect(stderr).toMatch(/\.\..*Permission denied/);
  });

  it("what is stored goes with the function, folder and all", async () => {
    const homes = () => readdirSync(join(data, "homes"));
    const before = homes();
    await deploy("leaves");
    await call("leaves", "../../x", "increment", 5);
    const [mine = ""] = homes().filter((home) => !before.includes(home));
    expect(mine).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(join(data, "homes", mine)).mode & 0o077).toBe(0);
    await session.gateway.deleteFunction("leaves");
    expect(homes()).toEqual(before);
    await deploy("leaves");
    expect(await call("leaves", "../../x", "increment", 1)).toMatchObject({ n: 1 });
  });
});
