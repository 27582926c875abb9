import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testHost, type TestHost } from "../../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

const CLIENTS = 4;

/** Of the front and all executors. */
function residentMb(): number {
  const { front = 0, executors } = host.pids;
  const ofOne = (pid: number) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
  return [front, ...executors].reduce((sum, pid) => sum + ofOne(pid), 0);
}

/** One-off executions, every second one of code that was never seen. */
async function run(from: number, to: number): Promise<void> {
  let next = from;
  const client = async () => {
    for (let n = next++; n < to; n = next++) {
      const answer = (await (await host.execute({ code: n % 2 ? "return 2 + 2" : `return 2 + 2 // ${n}` })).json()) as { result: number };
      expect(answer.result).toBe(4);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

it.runIf(process.platform === "linux")(
  "memory is flat from ten to twenty thousand one-off executions",
  async () => {
    await run(0, 2_000);
    const early = residentMb();
    await run(2_000, 10_000);
    const before = residentMb();
    await run(10_000, 20_000);
    const after = residentMb();
    console.log(`RSS in MB at 2,000, 10,000 and 20,000: ${[early, before, after].map(Math.round).join(", ")}`);
    expect(after / before).toBeLessThan(1.15);
  },
  600_000,
);
