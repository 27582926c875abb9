import { afterAll, beforeAll, expect, it } from "vitest";
import { ALL, dispatch, openDoors, percentile } from "../../support/dispatcher.ts";
import { testHost, type TestHost } from "../../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
  await openDoors(host);
}, 60_000);
afterAll(() => host.stop());

it.each(["dispatcher", "route"] as const)(
  "5,000 requests by the %s to five workers of which one is well: all JSON, and that one as fast as alone",
  async (door) => {
    await dispatch(host, door, ["well"], { requests: 200, clients: 4 });
    const alone = await dispatch(host, door, ["well"], { requests: 1_000, clients: 4 });
    const { wrong, reasons, wellMs } = await dispatch(host, door, ALL, { requests: 5_000, clients: 4 });
    const p = (values: number[]) => [0.5, 0.99].map((share) => Math.round(percentile(values, share) * 10) / 10);
    console.log(
      `${door}: well alone p50/p99 ms ${p(alone.wellMs).join("/")}, among ill ones ${p(wellMs).join("/")}; ${JSON.stringify(reasons)}`,
    );
    expect(wrong).toEqual([]);
    expect(wellMs).toHaveLength(1_000);
  },
  600_000,
);
