import { afterAll, beforeAll, expect, it } from "vitest";
import { chaos, KINDS } from "../../support/chaos.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import type { Load } from "../../support/load.ts";

const KILLS = 50 * KINDS.length;
/** Rarer than a crash loop: five of one child in 30 seconds, which the host slows down. */
const MS_BETWEEN = 2_600;

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

/** Goes on with the load for that long. */
async function pause(load: Load): Promise<void> {
  const untilMs = performance.now() + MS_BETWEEN;
  do await load.more(20);
  while (performance.now() < untilMs);
}

it(`${KILLS} kills of children in the middle of load`, async () => {
  const { answered, acknowledged, recoveryMs, count, ...bad } = await chaos(host, KILLS, pause);
  const most = Object.fromEntries(Object.entries(recoveryMs).map(([kind, times]) => [kind, Math.max(...times)]));
  console.log(`${answered} answers ${JSON.stringify(count)}, ${acknowledged} writes, most ms to serve again ${JSON.stringify(most)}`);
  expect(bad).toEqual({ wrong: [], lostThatWroteNothing: [], missing: [], writtenTwice: [] });
  expect(Math.max(...Object.values(recoveryMs).flat())).toBeLessThanOrEqual(1_000);
}, 1_800_000);
