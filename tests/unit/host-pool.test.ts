import { describe, expect, it } from "vitest";
import { FairQueue } from "../../host/src/pool/fair-queue.ts";
import { POOL_LIMITS } from "../../host/src/pool/limits.ts";
import type { ActiveLease } from "../../host/src/pool/member.ts";
import { Output } from "../../host/src/pool/output.ts";
import { placesFor } from "../../host/src/pool/share.ts";
import { fateOf, isLeftBusy, judge } from "../../host/src/pool/watch.ts";

describe("FairQueue", () => {
  const any = () => true;
  const filled = (...items: string[]) => {
    const queue = new FairQueue<string>();
    for (const item of items) queue.push(item.slice(0, 1), item);
    return queue;
  };
  const all = (queue: FairQueue<string>) => Array.from({ length: queue.size }, () => queue.take(any));

  it("takes tenants in turn, and within one in order", () => {
    expect(all(filled("a1", "a2", "a3", "a4", "b1", "b2", "c1"))).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  });

  it("lets a tenant that comes late go after one turn of each that waits, however long their queues are", () => {
    const queue = filled(...Array.from({ length: 100 }, (_, i) => `a${i}`));
    expect([queue.take(any), queue.take(any)]).toEqual(["a0", "a1"]);
    queue.push("b", "b0");
    expect([queue.take(any), queue.take(any), queue.take(any)]).toEqual(["a2", "b0", "a3"]);
  });

  it("passes a tenant whose first may not go, and never its second before its first", () => {
    const queue = filled("a1", "a2", "b1");
    expect(queue.take((item) => item !== "a1")).toBe("b1");
    expect(queue.take((item) => item !== "a1")).toBeUndefined();
    expect(all(queue)).toEqual(["a1", "a2"]);
  });

  it("counts, and forgets who left", () => {
    const queue = filled("a1", "a2", "b1");
    expect([queue.size, queue.sizeOf("a"), queue.sizeOf("b"), queue.sizeOf("c")]).toEqual([3, 2, 1, 0]);
    expect([queue.remove("a", "a1"), queue.remove("a", "a1"), queue.remove("c", "c1")]).toEqual([true, false, false]);
    expect([queue.size, queue.sizeOf("a")]).toEqual([2, 1]);
    expect(all(queue)).toEqual(["a2", "b1"]);
    expect(queue.take(any)).toBeUndefined();
  });
});

describe("placesFor", () => {
  const size = { min: 2, max: 8, reserve: 4 };
  const root = (roots: number, holdings: number, leased = roots) => placesFor({ size, depth: 0, leased, roots, holdings });
  const nested = (leased: number, roots: number) => placesFor({ size, depth: 1, leased, roots, holdings: roots });

  it("keeps a quarter for tenants that have none", () => {
    expect([root(0, 0), root(5, 5), root(6, 6), root(7, 7)]).toEqual([8, 1, 0, -1]);
    expect([root(6, 0), root(7, 0), root(8, 0)]).toEqual([2, 1, 0]);
  });

  it("keeps the reserve for executions that others wait for", () => {
    expect([nested(8, 8), nested(11, 8), nested(12, 8)]).toEqual([4, 1, 0]);
    expect(root(0, 0, 12)).toBe(0);
  });

  it("gives a single place to whoever comes", () => {
    const one = { min: 1, max: 1, reserve: 2 };
    expect(placesFor({ size: one, depth: 0, leased: 0, roots: 0, holdings: 0 })).toBe(1);
    expect(placesFor({ size: one, depth: 0, leased: 1, roots: 1, holdings: 1 })).toBe(0);
  });
});

describe("judge", () => {
  const limits = { wallMs: 1_000, cpuMs: 200, memoryMb: 128 };
  const lease = (used: Partial<ActiveLease>): ActiveLease => ({
    id: "l",
    request: { executionId: "e", tenant: "t", depth: 0, limits },
    startedMs: 0,
    before: { cpuMs: 0, memoryMb: 0 },
    settle: () => {},
    hasBegun: true,
    cpuMs: 0,
    peakMemoryMb: 0,
    ...used,
  });

  it("ends what is over a limit, and not what is at it", () => {
    expect(judge(lease({ cpuMs: 200 }), 0, POOL_LIMITS.niceAfterMs)).toBe("nice");
    expect(judge(lease({ cpuMs: 200.1 }), 0, POOL_LIMITS.niceAfterMs)).toBe("cpu");
    expect(judge(lease({ peakMemoryMb: 128 }), 0, POOL_LIMITS.niceAfterMs)).toBeUndefined();
    expect(judge(lease({ peakMemoryMb: 128.1 }), 0, POOL_LIMITS.niceAfterMs)).toBe("memory");
    expect(judge(lease({}), 1_000 + POOL_LIMITS.overdueMs, POOL_LIMITS.niceAfterMs)).toBeUndefined();
    expect(judge(lease({}), 1_001 + POOL_LIMITS.overdueMs, POOL_LIMITS.niceAfterMs)).toBe("ended");
  });

  it("lets a run give way that takes its time", () => {
    for (const afterMs of [POOL_LIMITS.niceAfterMs, POOL_LIMITS.niceForGoodAfterMs]) {
      expect([judge(lease({ cpuMs: afterMs }), 0, afterMs), judge(lease({ cpuMs: afterMs + 1 }), 0, afterMs)]).toEqual([undefined, "nice"]);
    }
  });

  it("holds nobody guilty whose code has not begun", () => {
    expect(judge(lease({ hasBegun: false, cpuMs: POOL_LIMITS.restMs + 1 }), 0, POOL_LIMITS.niceAfterMs)).toBe("lost");
    expect(judge(lease({ hasBegun: false, peakMemoryMb: 129 }), 0, POOL_LIMITS.niceAfterMs)).toBe("lost");
    expect(judge(lease({ hasBegun: false, cpuMs: POOL_LIMITS.niceAfterMs }), 0, POOL_LIMITS.niceAfterMs)).toBeUndefined();
  });

  it("sees what a run left busy", () => {
    expect(isLeftBusy({ cpuMs: 100 + POOL_LIMITS.restMs, memoryMb: 0 }, 100)).toBe(false);
    expect(isLeftBusy({ cpuMs: 101 + POOL_LIMITS.restMs, memoryMb: 0 }, 100)).toBe(true);
  });

  it("tells memory from other ends", () => {
    expect(fateOf("V8: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", undefined)).toBe("memory");
    expect(fateOf("", lease({ peakMemoryMb: 110 }))).toBe("memory");
    expect(fateOf("", lease({ peakMemoryMb: 100 }))).toBe("lost");
    expect(fateOf("Segmentation fault", undefined)).toBe("lost");
  });
});

describe("Output", () => {
  const read = () => {
    const said: string[] = [];
    const output = new Output(
      (lease) => said.push(`began ${lease}`),
      (lease) => said.push(`done ${lease}`),
    );
    return { said, output, take: (message: unknown) => output.take(JSON.stringify({ level: "info", message })) };
  };

  it("hears that a run has begun and is over, and keeps its logs until they are taken", () => {
    const { said, output, take } = read();
    take("began l1");
    take("log one\ntwo");
    take("error three");
    take("done l1");
    expect(said).toEqual(["began l1", "done l1"]);
    expect(output.drain()).toEqual([
      { level: "log", message: "one\ntwo" },
      { level: "error", message: "three" },
    ]);
    expect(output.drain()).toEqual([]);
  });

  it("takes nothing else for a log", () => {
    const { said, output, take } = read();
    for (const line of ["", "{", "null", "log plain", `"text"`, "[]", `{"message":1}`]) {
      if (line !== "null") output.take(line);
    }
    take("");
    take("alone");
    take(" log x");
    expect([said, output.drain()]).toEqual([[], []]);
  });

  it("what code logs is a log, though it looks like a word of its process", () => {
    const { said, output, take } = read();
    take("log done l1");
    take("log x\ndone l1");
    expect(said).toEqual([]);
    expect(output.drain().map(({ message }) => message)).toEqual(["done l1", "x\ndone l1"]);
  });

  it("keeps four million characters of a run, and no more", () => {
    const { output, take } = read();
    const mib = "x".repeat(1024 * 1024);
    for (let i = 0; i < 5; i++) take(`log ${mib}`);
    expect(output.drain()).toHaveLength(4);
    take("log again");
    expect(output.drain()).toHaveLength(1);
  });
});
