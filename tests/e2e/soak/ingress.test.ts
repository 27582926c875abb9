import { afterAll, beforeAll, expect, it } from "vitest";
import { startIngress, type Ingress } from "../../../host/src/ingress/ingress.ts";
import type { IngressLimits } from "../../../host/src/ingress/limits.ts";
import type { IngressEvent } from "../../../host/src/ingress/log.ts";
import { startFront, type Front } from "../../support/front.ts";
import { checkAnswers, fuzz, FUZZ_LIMITS } from "../ingress/fuzz.ts";
import { goodClient, idleClients, slowClients } from "../ingress/load.ts";

const LOOK = { timeout: 600_000 };

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(() => front.stop());

const log: IngressEvent[] = [];
const start = (limits: Partial<IngressLimits> = {}): Promise<Ingress> =>
  startIngress({ host: "127.0.0.1", port: 0, upstream: async () => front.address, limits, log: (event) => log.push(event) });

it("10,000 mutated requests before do itself: no process ends, no 5xx without an id, no second answer", LOOK, async () => {
  const ingress = await start(FUZZ_LIMITS);
  const results = await fuzz(ingress.port, 10_000);
  checkAnswers(results, log);
  const statuses = Map.groupBy(
    results.flatMap(({ answers }) => answers.map(({ status }) => status)),
    (status) => status,
  );
  console.log("answers by status", Object.fromEntries([...statuses].map(([status, all]) => [status, all.length])));
  expect(front.isRunning).toBe(true);
  await goodClient(ingress.port, 1);
  await ingress.stop();
});

it("500 slow clients: the p99 of a good one stays below 250 ms", LOOK, async () => {
  const ingress = await start();
  const alone = await goodClient(ingress.port, 1_000);
  const end = await slowClients(ingress.port, 500);
  const latency = await goodClient(ingress.port, 1_000);
  end();
  console.log("good client alone", alone, "beside 500 slow ones", latency);
  expect(latency.p99Ms).toBeLessThan(250);
  await ingress.stop();
});

it("10,000 idle connections: /health stays below 500 ms", LOOK, async () => {
  const ingress = await start({ keepAliveMs: 300_000 });
  const end = await idleClients(ingress.port, 10_000);
  const latency = await goodClient(ingress.port, 200);
  const { rss } = process.memoryUsage();
  console.log("beside 10,000 idle connections", latency, `RSS ${Math.round(rss / 1024 / 1024)} MiB`);
  expect(await end()).toBe("10000 still open");
  expect(latency.mostMs).toBeLessThan(500);
  await ingress.stop();
});
