import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EncodedAnswer } from "../../sdk/src/types.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

async function usageOf(code: string, input?: unknown): Promise<EncodedAnswer["usage"] & { result: unknown }> {
  const answer = (await (await host.execute({ code, input })).json()) as EncodedAnswer;
  if (answer.outcome !== "ok") throw new Error(JSON.stringify(answer));
  return { ...answer.usage, result: answer.result };
}

/** Work of always the same size; what it takes on this machine is asked first, for an isolate's clock stands still while it works. */
const WORK = `let x = 0; for (let i = 0; i < input; i++) x = (x * 31 + i) | 0; return x`;

describe.runIf(process.platform === "linux")("usage", () => {
  it("of work is CPU time: 100 ms are 100 ms, whatever passes beside it", async () => {
    const few = await usageOf(WORK, 1e6);
    const many = await usageOf(WORK, 2e8);
    // What the loop itself takes, without what every execution takes.
    const perRound = (many.cpuMs - few.cpuMs) / (2e8 - 1e6);
    const { cpuMs } = await usageOf(WORK, Math.round(100 / perRound));
    console.log(`100 ms of work: ${cpuMs} ms`);
    expect(Math.abs(cpuMs - 100)).toBeLessThanOrEqual(40);
  });

  it("of waiting is nearly none", async () => {
    const { cpuMs, wallMs } = await usageOf(`await new Promise((r) => setTimeout(r, 500)); return 1`);
    console.log(`500 ms of waiting: ${cpuMs} ms`);
    expect(wallMs).toBeGreaterThanOrEqual(490);
    expect(cpuMs).toBeLessThan(40);
  });

  it("of memory is what was taken at most, also when it was given back", async () => {
    const { memoryMb } = await usageOf(
      `let taken = new Uint8Array(64 * 2 ** 20).fill(1); await new Promise((r) => setTimeout(r, 50)); taken = undefined; return 1`,
    );
    const { memoryMb: ofNothing } = await usageOf(`await new Promise((r) => setTimeout(r, 50)); return 1`);
    console.log(`64 MB taken: ${memoryMb} MB; nothing: ${ofNothing} MB`);
    expect(memoryMb).toBeGreaterThanOrEqual(60);
    expect(memoryMb).toBeLessThan(100);
    expect(ofNothing).toBeLessThan(20);
  });
});
