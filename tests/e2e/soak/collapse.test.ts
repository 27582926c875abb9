import { afterAll, beforeAll, expect, it } from "vitest";
import { collapseAtRandom } from "../../support/collapse.ts";
import { gatewayOf } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { startUpstream, type Upstream } from "../../support/upstream.ts";

let host: TestHost;
let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
  host = await testHost({ loopbackOrigins: [upstream.origin] });
  await gatewayOf(host).call("setEgress", { allow: [`127.0.0.1:${upstream.port}`] });
});
afterAll(() => Promise.all([host.stop(), upstream.stop()]));

it.each([1, 2, 3])("no answer of one is given to another in 20,000 requests at random (seed %i)", { timeout: 600_000 }, async (seed) => {
  upstream.seen.length = 0;
  const { wrong, shared, asked } = await collapseAtRandom(host, upstream, { requests: 20_000, clients: 64 }, seed);
  console.log(`${shared} of 20,000 requests were given the answer to another one; the upstream was asked ${asked} times`);
  expect(wrong).toEqual([]);
  expect(shared).toBeGreaterThan(0);
});
