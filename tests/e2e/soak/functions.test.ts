import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { callAtRandom, deployAll, switchUnderLoad } from "../../support/functions.ts";
import { testHost, type TestHost } from "../../support/host.ts";

let host: TestHost;
beforeEach(async () => {
  host = await testHost();
});
afterEach(() => host.stop());

/** Of all processes, without what they share. */
function residentMb(): number {
  const { front, stores, executors, compilers } = host.pids;
  const pids = [front, ...stores, ...executors, ...compilers].filter((pid) => pid !== undefined);
  const kib = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0));
  return Math.round(kib.reduce((sum, one) => sum + one, 0) / 1024);
}

it("200 switches between two versions during 20,000 requests: none failed, none mixed", async () => {
  const { failed, mixed, byVersion } = await switchUnderLoad(host, { requests: 20_000, clients: 16 }, 200);
  console.log(`switches: ${JSON.stringify({ failed: failed.length, mixed: mixed.length, byVersion })}`);
  expect({ failed, mixed }).toEqual({ failed: [], mixed: [] });
  expect(Object.values(byVersion).reduce((sum, n) => sum + n, 0)).toBe(20_000);
  expect(Object.values(byVersion).every((n) => n > 2_000)).toBe(true);
}, 600_000);

it("1,000 functions of 100 tenants, called at random: each answers as itself, and memory is bounded", async () => {
  const before = residentMb();
  const all = await deployAll(host, 100, 10, 12);
  const after: number[] = [];
  for (const seed of [7, 8, 9]) {
    // oxlint-disable-next-line no-await-in-loop -- memory is looked at in between
    expect(await callAtRandom(all, 10, { requests: 4_000, clients: 12 }, seed)).toEqual([]);
    after.push(residentMb());
  }
  console.log(`memory of all processes, MB: ${before} before, then after each 4,000 calls of 1,000 functions: ${after.join(", ")}`);
  // A front with 300 databases, and executors with 32 warm isolates each, fit into this; 1,000 isolates would not.
  for (const mb of after) expect(mb).toBeLessThan(1_500);
  // All tenants have been there after the first round: what comes then is no more of them.
  expect(after[2]).toBeLessThan((after[0] ?? 0) * 1.25);
}, 900_000);
