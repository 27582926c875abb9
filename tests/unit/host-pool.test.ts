import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDataFolder } from "../../host/src/data-folder.ts";
import { FairQueue } from "../../host/src/pool/fair-queue.ts";
import { POOL_LIMITS } from "../../host/src/pool/limits.ts";
import type { ActiveLease } from "../../host/src/pool/member.ts";
import { Output } from "../../host/src/pool/output.ts";
import { placesFor } from "../../host/src/pool/share.ts";
import { fateOf, isLeftBusy, judge } from "../../host/src/pool/watch.ts";
import { parsePs } from "../../host/src/process/accounting.ts";
import { danger, isLoopback } from "../../host/src/safety.ts";
import { shardOf } from "../../workers/do/src/stores/shard.ts";

describe("FairQueue", () => {
  it("takes the tenants in turn, and each one's in order", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(item.slice(0, 1), item);
    const taken = Array.from({ length: 6 }, () => queue.take(() => true));
    expect(taken).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
    expect([queue.size, queue.take(() => true)]).toEqual([0, undefined]);
  });

  it("passes over a tenant whose first may not go, and keeps its place", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "b1", "b2"]) queue.push(item.slice(0, 1), item);
    expect(queue.take((item) => !item.startsWith("a"))).toBe("b1");
    expect(queue.take(() => true)).toBe("a1");
  });

  it("forgets who leaves, once", () => {
    const queue = new FairQueue<string>();
    queue.push("a", "a1");
    expect([queue.remove("a", "a1"), queue.remove("a", "a1"), queue.sizeOf("a"), queue.size]).toEqual([true, false, 0, 0]);
  });
});

describe("placesFor()", () => {
  const size = { min: 2, max: 8, reserve: 4 };
  const at = (roots: number, holdings: number, depth = 0, leased = roots) => placesFor({ size, depth, leased, roots, holdings });

  it.each([
    ["an idle pool", at(0, 0), 8],
    ["a tenant at its share", at(6, 6), 0],
    ["a tenant below its share", at(5, 5), 1],
    ["another tenant's first", at(6, 0), 2],
    ["a full pool", at(8, 0), 0],
    ["one that another waits for, in a full pool", at(8, 8, 1), 4],
    ["one more than the reserve", at(8, 8, 1, 12), 0],
  ])("%s", (_name, places, expected) => {
    expect(places).toBe(expected);
  });

  it("a pool of one is for everybody", () => {
    expect(placesFor({ size: { min: 1, max: 1, reserve: 2 }, depth: 0, leased: 0, roots: 0, holdings: 3 })).toBe(1);
  });
});

describe("judge()", () => {
  const limits = { wallMs: 1_000, cpuMs: 200, memoryMb: 128 };
  const lease = (changes: Partial<ActiveLease>): ActiveLease => ({
    id: "l",
    request: { executionId: "e", tenant: "t", depth: 0, limits },
    startedMs: 0,
    before: { cpuMs: 0, memoryMb: 0 },
    settle: () => {},
    hasBegun: true,
    cpuMs: 0,
    peakMemoryMb: 0,
    ...changes,
  });

  it.each<[string, Partial<ActiveLease>, number, ReturnType<typeof judge>]>([
    ["at its CPU limit", { cpuMs: 200 }, 100, "nice"],
    ["over its CPU limit", { cpuMs: 200.1 }, 100, "cpu"],
    ["at its memory limit", { peakMemoryMb: 128 }, 100, undefined],
    ["over its memory limit", { peakMemoryMb: 128.1 }, 100, "memory"],
    ["forgotten, at the last moment", {}, 1_000 + POOL_LIMITS.overdueMs, undefined],
    ["forgotten, and over", {}, 1_001 + POOL_LIMITS.overdueMs, "ended"],
    ["busy before it began", { hasBegun: false, cpuMs: POOL_LIMITS.restMs + 1 }, 100, "lost"],
    ["just begun", { cpuMs: POOL_LIMITS.niceAfterMs }, 100, undefined],
  ])("%s", (_name, changes, nowMs, expected) => {
    expect(judge(lease(changes), nowMs)).toBe(expected);
  });

  it("of one at rest: what a run left busy", () => {
    expect(isLeftBusy({ cpuMs: 1_000 + POOL_LIMITS.restMs, memoryMb: 0 }, 1_000)).toBe(false);
    expect(isLeftBusy({ cpuMs: 1_001 + POOL_LIMITS.restMs, memoryMb: 0 }, 1_000)).toBe(true);
  });

  it("of one that ended by itself: memory when it says so, or had nearly all of it", () => {
    expect(fateOf("# Fatal JavaScript out of memory: Reached heap limit", lease({}))).toBe("memory");
    expect(fateOf("", lease({ peakMemoryMb: 110 }))).toBe("memory");
    expect(fateOf("", lease({ peakMemoryMb: 90 }))).toBe("lost");
    expect(fateOf("", undefined)).toBe("lost");
  });
});

describe("Output", () => {
  const line = (message: string) => JSON.stringify({ timestamp: 1, level: "log", message });

  it("keeps logs in order, whatever is in them, and hears when a run begins and ends", () => {
    const heard: string[] = [];
    const output = new Output(
      (lease) => heard.push(`began ${lease}`),
      (lease) => heard.push(`done ${lease}`),
    );
    for (const message of ["began l1", "warn a\nb", 'log {"level":"error"}', "done l1"]) output.take(line(message));
    output.take("no JSON");
    output.take(JSON.stringify({ message: 5 }));
    expect(heard).toEqual(["began l1", "done l1"]);
    expect(output.drain()).toEqual([
      { level: "warn", message: "a\nb" },
      { level: "log", message: '{"level":"error"}' },
    ]);
    expect(output.drain()).toEqual([]);
  });

  it("keeps no more than its bound", () => {
    const output = new Output(
      () => {},
      () => {},
    );
    const text = "x".repeat(1024 * 1024);
    for (let i = 0; i < 6; i++) output.take(line(`log ${text}`));
    expect(output.drain()).toHaveLength(4);
  });
});

it.each([
  ["  0:01.23  20480", { cpuMs: 1_230, memoryMb: 20 }],
  ["12:34.50 1024", { cpuMs: 754_500, memoryMb: 1 }],
  ["01:02:03 1024", { cpuMs: 3_723_000, memoryMb: 1 }],
  ["2-01:00:00 1024", { cpuMs: 176_400_000, memoryMb: 1 }],
  ["", undefined],
  ["ps: no such process", undefined],
])("parsePs(%j)", (text, expected) => {
  expect(parsePs(text)).toEqual(expected);
});

it.each([
  ["root", 4, 1],
  ["acme", 4, 3],
  ["tenant-with-ä", 4, 0],
  // The published vector of FNV-1a: 0xbf9cf968.
  ["foobar", 2 ** 32, 0xbf9cf968],
  ["root", 1, 0],
])("shardOf(%j, %d) is the same for ever", (tenant, shards, expected) => {
  expect(shardOf(tenant, shards)).toBe(expected);
});

describe("danger()", () => {
  it.each([
    ["bubblewrap", true, false, false],
    ["user", true, true, false],
    ["user", true, false, true],
    ["limits", false, true, false],
    ["limits", false, false, true],
    ["limits", true, true, true],
  ] as const)("%s, root %s, only here %s: must be said %s", (confinement, isRoot, isOnlyHere, must) => {
    expect(danger({ confinement, isRoot, isOnlyHere }) !== undefined).toBe(must);
  });

  it("knows what only this machine reaches", () => {
    expect(["127.0.0.1", "127.1.2.3", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "192.168.0.127"].some(isLoopback)).toBe(false);
  });
});

it("the number of stores is fixed when the folder is made", () => {
  const folder = mkdtempSync(join(tmpdir(), "do-shards-"));
  const open = (shards: number | undefined) => openDataFolder({ folder, rootKey: "do_root_of_the_folder_123", shards });
  const first = open(3);
  expect(first.shards).toBe(3);
  first.release();
  const again = open(undefined);
  expect(again.shards).toBe(3);
  again.release();
  expect(() => open(4)).toThrow("was made with --stores 3, and that is fixed");
  // A refusal leaves the folder free.
  open(3).release();
  rmSync(folder, { recursive: true });
});
