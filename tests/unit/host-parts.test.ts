import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Crashes } from "../../host/src/crashes.ts";
import { DEFAULT_SHARDS, openDataFolder } from "../../host/src/data-folder.ts";
import { accounting, parsePs } from "../../host/src/process/accounting.ts";
import { shardOf } from "../../workers/do/src/stores/shard.ts";

describe("parsePs", () => {
  it.each([
    ["  0:00.05  20480\n", 50, 20],
    ["  0:59.99 1024", 59_990, 1],
    [" 12:34.56   2048", 754_560, 2],
    ["123:04.00 1024", 7_384_000, 1],
    ["01:02:03 4096", 3_723_000, 4],
    ["1:02:03.50 4096", 3_723_500, 4],
    ["2-03:04:05 1024", 183_845_000, 1],
    ["00:00:00     0", 0, 0],
  ])("reads %j", (line, cpuMs, memoryMb) => {
    const usage = parsePs(line);
    expect(usage?.cpuMs).toBeCloseTo(cpuMs, 3);
    expect(usage?.memoryMb).toBe(memoryMb);
  });

  it.each(["", "\n", "  TIME RSS", "0:00.05", "1024", "x:00.05 1024", "0:00.05 -1", "0:00.05 1024 more"])("knows %j for none", (line) => {
    expect(parsePs(line)).toBeUndefined();
  });
});

describe("accounting", () => {
  it("of a process that is there grows, and there is none of one that is not", () => {
    const before = accounting.usage(process.pid);
    let x = 0;
    const untilMs = performance.now() + 300;
    while (performance.now() < untilMs) x++;
    const after = accounting.usage(process.pid);
    expect(x).toBeGreaterThan(0);
    expect((after?.cpuMs ?? 0) - (before?.cpuMs ?? 0)).toBeGreaterThan(10);
    expect(before?.memoryMb).toBeGreaterThan(10);
    expect(accounting.usage(2 ** 30)).toBeUndefined();
  });
});

describe("shardOf", () => {
  // FNV-1a of 32 bits: "" is 811c9dc5, "a" e40c292c, "foobar" bf9cf968, as its authors give them.
  it.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["foobar", 0xbf9cf968],
  ])("of %j is what it was when data was put there", (tenant, hash) => {
    for (const shards of [1, 2, 3, 4, 64]) expect(shardOf(tenant, shards)).toBe(hash % shards);
    expect(shardOf(tenant, 2 ** 32)).toBe(hash);
  });

  it.each([
    ["root", 1],
    ["acme", 3],
    ["Ünïcødé", 0],
    ["t-0123456789", 1],
  ])("puts %s on one of four", (tenant, shard) => {
    expect(shardOf(tenant, 4)).toBe(shard);
  });

  it("spreads tenants evenly", () => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 4_000; i++) {
      const shard = shardOf(`tenant-${i}`, 4);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

describe("Crashes", () => {
  it("five in thirty seconds are a loop, which is over when they are long ago", () => {
    let nowMs = 0;
    const crashes = new Crashes(() => nowMs);
    const note = () => crashes.note("front", "SIGKILL");
    expect([note(), note(), note(), note()]).toEqual([false, false, false, false]);
    crashes.note("store-0", "SIGKILL");
    crashes.check();
    nowMs = 29_999;
    expect(note()).toBe(true);
    expect(() => crashes.check()).toThrow("front has ended 5 times in 30000 ms; last: SIGKILL");
    nowMs = 30_001;
    crashes.check();
  });
});

describe("the data folder", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "do-folder-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const open = (name: string, shards?: number) => openDataFolder({ folder: join(folder, name), rootKey: undefined, shards });

  it("keeps the number of stores that it was made with, and refuses another with the reason", () => {
    const made = open("fixed", 3);
    expect(made.shards).toBe(3);
    made.release();
    for (const wanted of [undefined, 3]) {
      const again = open("fixed", wanted);
      expect(again.shards).toBe(3);
      again.release();
    }
    expect(() => open("fixed", 4)).toThrow(/was made with --stores 3, and that is fixed: its tenants would not be found with 4$/);
    // A start that was refused holds nothing.
    open("fixed", 3).release();
  });

  it("has four, if nobody says", () => {
    const made = open("default");
    expect([made.shards, DEFAULT_SHARDS]).toEqual([4, 4]);
    expect(readFileSync(join(folder, "default", "shards"), "utf8")).toBe("4\n");
    made.release();
  });

  it("is one host's at a time; a number that is left of one that ended is no host", () => {
    const made = open("locked");
    writeFileSync(join(folder, "locked", "host.pid"), String(process.ppid));
    expect(() => open("locked")).toThrow(/is in use by process \d+$/);
    writeFileSync(join(folder, "locked", "host.pid"), String(2 ** 30));
    open("locked").release();
    made.release();
  });
});
