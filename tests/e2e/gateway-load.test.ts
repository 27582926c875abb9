import { afterAll, beforeAll, expect, it } from "vitest";
import { callAtRandom, deployAll, switchUnderLoad } from "../support/functions.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

it("switches under load fail nothing and mix nothing", async () => {
  const { failed, mixed, byVersion } = await switchUnderLoad(host, { requests: 400, clients: 8 }, 10);
  expect({ failed, mixed }).toEqual({ failed: [], mixed: [] });
  expect(Object.keys(byVersion)).toHaveLength(2);
});

it("functions of many tenants answer as themselves", async () => {
  expect(await callAtRandom(await deployAll(host, 5, 4, 6), 4, { requests: 200, clients: 6 })).toEqual([]);
});
