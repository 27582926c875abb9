import { afterAll, beforeAll, expect, it } from "vitest";
import { ALL, dispatch, MARKS, openDoors } from "../../support/dispatcher.ts";
import { testHost, type TestHost } from "../../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
  await openDoors(host);
}, 60_000);
afterAll(() => host.stop());

it.each(["dispatcher", "route"] as const)("by the %s every answer is JSON, and each failure says whose it is and why", async (door) => {
  const { wrong, reasons } = await dispatch(host, door, ALL, { requests: 200, clients: 6 });
  expect(wrong).toEqual([]);
  expect(reasons["well well"]).toBe(40);
  // Each of the ill ones was ill at least once before its circuit opened.
  for (const [worker, marks] of Object.entries(MARKS)) {
    expect(marks.some((mark) => mark !== "CIRCUIT_OPEN" && (reasons[`${worker} ${mark}`] ?? 0) > 0)).toBe(true);
  }
});
