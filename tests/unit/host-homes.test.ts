import { describe, expect, it, vi } from "vitest";
import { Home, type HomeCall } from "../../host/src/homes/home.ts";
import { Homes } from "../../host/src/homes/homes.ts";
import { HOME_LIMITS } from "../../host/src/homes/limits.ts";
import type { HomeRequest } from "../../host/src/homes/options.ts";
import type { Verdict } from "../../host/src/pool/lease.ts";
import type { WorkerdProcess } from "../../host/src/process/workerd.ts";

const limits = { wallMs: 1_000, cpuMs: 200, memoryMb: 128 };
const key = (n: number) => String(n).padStart(64, "0");
const request = (home: number, tenant = "t", depth = 0): HomeRequest => ({
  executionId: `e${home}`,
  tenant,
  depth,
  limits,
  home: key(home),
});
const never = new AbortController().signal;

/** A machine whose processes do nothing, and which notes what becomes of them. */
function machine() {
  const booted: string[] = [];
  const killed: string[] = [];
  const removed: string[] = [];
  const outputs = new Map<string, (line: string) => void>();
  let storedMb = 0;
  let untilExit: Promise<void> = Promise.resolve();
  const homes = new Homes({
    maxMemoryMb: 512,
    mostIdleMb: 200,
    mostStoredMb: 10,
    boot: async (_seat, home, onLine) => {
      booted.push(home);
      outputs.set(home, onLine);
      const { promise: ended, resolve } = Promise.withResolvers<{ code: null; signal: "SIGKILL"; said: string }>();
      const kill = () => {
        killed.push(home);
        void untilExit.then(() => resolve({ code: null, signal: "SIGKILL", said: "" }));
      };
      return { pid: booted.length, socketPath: "", ended, kill, ask: () => Promise.resolve() } satisfies WorkerdProcess;
    },
    storedBytes: async () => storedMb * 1024 * 1024,
    remove: async (home) => void removed.push(home),
    accounting: { everyMs: 10, usage: () => ({ cpuMs: 0, memoryMb: 20 }) },
    now: () => performance.now(),
    newId: () => crypto.randomUUID(),
    log: () => {},
    onCrash: () => {},
  });
  /** Those that are killed from now on are gone when the answer is called. */
  const exitLater = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    untilExit = promise;
    return resolve;
  };
  return { homes, booted, killed, removed, exitLater, store: (mb: number) => void (storedMb = mb) };
}

describe("Homes", () => {
  it("give the calls of one function one process, which goes on when they have left", async () => {
    const { homes, booted, killed } = machine();
    const [first, second] = await Promise.all([homes.lease(request(1), never), homes.lease(request(1), never)]);
    expect([booted, first.seat, second.seat]).toEqual([[key(1)], 0, 0]);
    expect([first.isFirst, second.isFirst]).toEqual([true, false]);
    homes.leave(first.id);
    expect(await first.verdict).toMatchObject({ fate: "kept" });
    expect(killed).toEqual([]);
    await homes.close();
    expect(await second.verdict).toMatchObject({ fate: "lost" });
  });

  it("end the one that was idle for longest when there is no room, and none that is called", async () => {
    const { homes, killed } = machine();
    const leases = [];
    for (let n = 0; n < HOME_LIMITS.homes; n++) leases.push(await homes.lease(request(n, `t${n}`), never));
    homes.leave(leases[3]?.id ?? "");
    homes.leave(leases[1]?.id ?? "");
    await homes.lease(request(100, "late"), never);
    expect(killed).toEqual([key(3)]);
    await homes.lease(request(101, "later"), never);
    expect(killed).toEqual([key(3), key(1)]);
    await homes.close();
  });

  it("keep a quarter for tenants that have none, and some for calls that others wait for", async () => {
    vi.useFakeTimers();
    const { homes } = machine();
    const mostOwn = (HOME_LIMITS.homes * 3) / 4;
    for (let n = 0; n < mostOwn; n++) await homes.lease(request(n), never);
    const refused = homes.lease(request(50), never).catch((error: unknown) => error);
    await homes.lease(request(51, "other"), never);
    await homes.lease(request(52, "third"), never);
    const full = homes.lease(request(53, "fourth"), never).catch((error: unknown) => error);
    await homes.lease(request(54, "fourth", 1), never);
    await vi.advanceTimersByTimeAsync(HOME_LIMITS.waitMs);
    for (const error of [await refused, await full])
      expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "NO_HOME_FREE", retryAfterMs: 1_000 });
    vi.useRealTimers();
    await homes.close();
  });

  it("refuse calls of objects that store too much, but not their deletion", async () => {
    vi.useFakeTimers();
    const { homes, killed, store } = machine();
    store(10);
    homes.leave((await homes.lease(request(1), never)).id);
    await vi.advanceTimersByTimeAsync(HOME_LIMITS.measureEveryMs);
    expect(killed).toEqual([]);
    store(11);
    homes.leave((await homes.lease(request(1), never)).id);
    await vi.advanceTimersByTimeAsync(HOME_LIMITS.measureEveryMs);
    expect(killed).toEqual([key(1)]);
    await expect(homes.lease(request(1), never)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", reason: "OBJECTS_STORE_TOO_MUCH" });
    homes.leave((await homes.lease({ ...request(1), isForgetting: true }, never)).id);
    store(10);
    homes.leave((await homes.lease(request(1), never)).id);
    vi.useRealTimers();
    await homes.close();
  });

  it("never give one folder to two processes: the next one starts when the last is gone", async () => {
    const { homes, booted, killed, exitLater } = machine();
    const leases = [];
    for (let n = 0; n < HOME_LIMITS.homes; n++) leases.push(await homes.lease(request(n, `t${n}`), never));
    const exit = exitLater();
    homes.leave(leases[0]?.id ?? "");
    await homes.lease(request(100, "late"), never);
    homes.leave(leases[1]?.id ?? "");
    const again = homes.lease(request(0, "t0"), never);
    await new Promise((resolve) => void setTimeout(resolve, 5));
    expect([killed, booted.filter((home) => home === key(0))]).toEqual([[key(0)], [key(0)]]);
    exit();
    expect((await again).isFirst).toBe(true);
    expect(booted.filter((home) => home === key(0))).toEqual([key(0), key(0)]);
    await homes.close();
  });

  it("remove what is stored when the process is gone, and take no name that is none", async () => {
    const { homes, killed, removed } = machine();
    await homes.lease(request(1), never);
    await homes.remove(key(1));
    expect([killed, removed]).toEqual([[key(1)], [key(1)]]);
    await expect(homes.remove("../../etc")).rejects.toThrow("hash");
    await expect(homes.lease({ ...request(1), home: "../x" }, never)).rejects.toThrow("hash");
    await homes.close();
  });
});

describe("a home", () => {
  const verdicts: [string, Verdict][] = [];
  const call = (id: string, of: Partial<typeof limits> = {}): HomeCall => ({
    id,
    request: { ...request(1), limits: { ...limits, ...of } },
    startedMs: 0,
    settle: (verdict) => void verdicts.push([id, verdict]),
    cpuMs: 0,
    peakMemoryMb: 0,
    hasBegun: false,
  });
  const used = (cpuMs: number, memoryMb = 20) => ({ cpuMs, memoryMb });
  const held = limits.cpuMs + HOME_LIMITS.graceCpuMs;

  it("has a bounded number of objects in memory, of which each may be called again", () => {
    const home = new Home(key(1), "t", 0, 0);
    const enter = (object: string, nowMs: number) => {
      home.begin({ ...call(object), startedMs: nowMs, request: { ...request(1), objectKey: object } }, used(0));
      home.finish(object, "kept", nowMs);
    };
    for (let n = 1; n < HOME_LIMITS.objects; n++) enter(`o${n}`, 0);
    expect(home.isCrowdedFor("another", 1)).toBe(false);
    enter("another", 1);
    expect([home.isCrowdedFor("late", 2), home.isCrowdedFor("another", 2)]).toEqual([true, false]);
    expect(home.isCrowdedFor("late", HOME_LIMITS.objectMs - 1)).toBe(true);
    expect(home.isCrowdedFor("late", HOME_LIMITS.objectMs)).toBe(false);
    verdicts.splice(0);
  });

  it("does not charge code for what the runtime takes for each object", () => {
    const home = new Home(key(1), "t", 0, 0);
    for (const n of [1, 2, 3, 4]) home.begin({ ...call(`c${n}`), request: { ...request(1), objectKey: `o${n}` } }, used(0));
    home.observe(used(0, 20 + limits.memoryMb + (4 * HOME_LIMITS.objectKb) / 1_024));
    expect(home.judge(0)).toBeUndefined();
    home.observe(used(0, 20 + limits.memoryMb + (4 * HOME_LIMITS.objectKb) / 1_024 + 1));
    expect(home.judge(0)).toMatchObject({ fate: "memory" });
  });

  it("shares CPU time among the calls that are there", () => {
    const home = new Home(key(1), "t", 0, 0);
    home.begin(call("a"), used(50));
    home.observe(used(70));
    home.begin(call("b"), used(70));
    home.observe(used(80));
    home.finish("a", "kept", 1);
    home.observe(used(100));
    home.finish("b", "kept", 2);
    expect(verdicts.splice(0)).toMatchObject([
      ["a", { fate: "kept", cpuMs: 25 }],
      ["b", { fate: "kept", cpuMs: 25 }],
    ]);
  });

  it("is ended when its thread is held for more than a call may use, and not before", () => {
    const home = new Home(key(1), "t", 0, 0);
    home.begin(call("a"), used(0));
    home.observe(used(held));
    expect(home.judge(0)).toBeUndefined();
    home.observe(used(held + 1));
    expect(home.judge(0)).toMatchObject({ fate: "cpu", guilty: { id: "a" } });
  });

  it("names of several the one that began and never let go, and nobody when that is not known", () => {
    const home = new Home(key(1), "t", 0, 0);
    home.begin(call("a"), used(0));
    home.begin(call("b"), used(0));
    home.noteFree("b");
    home.observe(used(held + 1));
    expect(home.judge(0)).toMatchObject({ fate: "cpu", guilty: { id: "b" } });
    home.noteFree();
    expect(home.judge(0)).toBeUndefined();
    home.observe(used(2 * held + 2));
    expect(home.judge(0)).toEqual({ fate: "cpu", guilty: undefined });
  });

  it("is ended when its objects take more memory than a call may, and when it is busy with nothing to do", () => {
    const home = new Home(key(1), "t", 0, 0);
    home.begin(call("a"), used(0, 30));
    home.observe(used(1, 30 + limits.memoryMb));
    expect(home.judge(0)).toBeUndefined();
    home.observe(used(1, 31 + limits.memoryMb));
    expect(home.judge(0)).toMatchObject({ fate: "memory", guilty: { id: "a" } });
    home.finish("a", "kept", 0);
    home.observe(used(1 + HOME_LIMITS.restMs, 30));
    expect(home.judge(0)).toBeUndefined();
    home.observe(used(2 + HOME_LIMITS.restMs, 30));
    expect(home.judge(0)).toEqual({ fate: "ended", guilty: undefined });
  });
});
