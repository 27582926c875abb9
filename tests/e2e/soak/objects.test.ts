import { afterEach, beforeEach, expect, it } from "vitest";
import { testHost, type TestHost } from "../../support/host.ts";
import { countUnderKills, countUnderSwitches } from "../../support/objects.ts";

let host: TestHost;
beforeEach(async () => {
  host = await testHost();
});
afterEach(() => host.stop());

it("100 switches between two versions of a class during 5,000 calls: none failed, and each was counted once", async () => {
  const { failed, wrong, versions } = await countUnderSwitches(host, { requests: 5_000, clients: 10 }, 100);
  expect({ failed, wrong, versions }).toEqual({ failed: [], wrong: [], versions: 2 });
}, 600_000);

it("the process of objects is ended 50 times during 3,000 calls: what was acknowledged is there, and others notice nothing", async () => {
  const { acknowledged, unknown, wrong, neighbours } = await countUnderKills(host, { requests: 3_000, clients: 8 }, 50);
  console.log(`objects under kills: ${acknowledged} acknowledged, ${unknown} lost`);
  expect({ wrong, neighbours }).toEqual({ wrong: [], neighbours: [] });
  expect(acknowledged + unknown).toBe(3_000);
  expect(unknown).toBeLessThan(50 * 9);
}, 600_000);
