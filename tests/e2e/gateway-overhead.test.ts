import { afterAll, beforeAll, expect, it } from "vitest";
import { startClientWorker, type ClientWorker } from "../support/one-process.ts";

/** Asks a function through do, and the same module in an isolate of its own by its stub: each in batches, for the clock shows milliseconds, and in turns, for the machine has others to serve. */
const CLIENT = `
const CODE = "export default { fetch: (request) => new Response('x') }";
const BATCH = 20;
async function meanMs(one) {
  const startedMs = performance.now();
  for (let n = 0; n < BATCH; n++) await one();
  return (performance.now() - startedMs) / BATCH;
}
export default {
  async fetch(request, env) {
    const gateway = await env.DO.gateway;
    await gateway.deploy("plain", { code: CODE, public: true });
    await gateway.deploy("customers/plain", { code: CODE });
    const worker = env.LOADER.get("plain", () => ({ compatibilityDate: "2026-08-01", mainModule: "m.js", modules: { "m.js": CODE }, globalOutbound: null }));
    const ask = async (fetcher, url) => { const r = await fetcher.fetch(url); if (r.status !== 200 || await r.text() !== "x") throw new Error("bad answer " + r.status); };
    const direct = () => ask(worker.getEntrypoint(), "http://x/");
    const route = () => ask(env.DO, "http://x/fn/shop/plain/y");
    const dispatcher = () => ask(env.DISPATCHER.get("plain"), "http://x/");
    for (const one of [direct, route, dispatcher]) for (let b = 0; b < 10; b++) await meanMs(one);
    const ways = { direct, route, dispatcher };
    const means = { direct: [], route: [], dispatcher: [] };
    for (let b = 0; b < 60; b++) for (const way of Object.keys(ways)) means[way].push(await meanMs(ways[way]));
    const at = (part) => Object.fromEntries(Object.entries(means).map(([way, all]) => [way, all.toSorted((a, b) => a - b)[Math.floor(all.length * part)]]));
    return Response.json({ median: at(0.5), least: at(0) });
  },
};`;

let client: ClientWorker;
beforeAll(async () => {
  client = await startClientWorker(CLIENT, { tiers: { tenant: { perMinute: null, tenantPerMinute: null } } });
});
afterAll(() => client.stop());

it("a warm dispatch takes little more than the isolate's stub", async () => {
  const { median, least } = (await client.ask("measure")) as Record<
    "median" | "least",
    { direct: number; route: number; dispatcher: number }
  >;
  console.log(`dispatch, ms: ${JSON.stringify({ median, least })}`);
  // The goal of one millisecond is for a machine that does nothing else: here the quickest batches must be near it.
  expect(least.route - least.direct).toBeLessThan(5);
  expect(least.dispatcher - least.direct).toBeLessThan(5);
});
