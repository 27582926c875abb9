import { afterAll, beforeAll, expect, it } from "vitest";
import { startClientWorker, type ClientWorker } from "../support/one-process.ts";

/** Asks a function through do, and the same module in an isolate of its own by its stub: each in batches, for the clock shows milliseconds. */
const CLIENT = `
const CODE = "export default { fetch: (request) => new Response('x') }";
const BATCH = 20;
async function medianMs(batches, one) {
  const means = [];
  for (let b = 0; b < batches; b++) {
    const startedMs = performance.now();
    for (let n = 0; n < BATCH; n++) await one();
    means.push((performance.now() - startedMs) / BATCH);
  }
  return means.sort((a, b) => a - b)[Math.floor(batches / 2)];
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
    for (const one of [direct, route, dispatcher]) await medianMs(10, one);
    const batches = 60;
    return Response.json({ direct: await medianMs(batches, direct), route: await medianMs(batches, route), dispatcher: await medianMs(batches, dispatcher) });
  },
};`;

let client: ClientWorker;
beforeAll(async () => {
  client = await startClientWorker(CLIENT, { tiers: { tenant: { perMinute: null, tenantPerMinute: null } } });
});
afterAll(() => client.stop());

it("a warm dispatch takes little more than the isolate's stub", async () => {
  const medians = (await client.ask("measure")) as { direct: number; route: number; dispatcher: number };
  console.log(`dispatch, ms at the median: ${JSON.stringify(medians)}`);
  expect(medians.route - medians.direct).toBeLessThan(20);
});
