import { expect, it } from "vitest";
import { alone, CALL, onDefaultHost, quantile, together } from "../support/schedule-lag.ts";

it("a single task starts within 250 ms of its instant; of 200 in one second none is lost, and none twice", async () => {
  await onDefaultHost(async (schedule) => {
    expect(quantile(await alone(schedule, 7, CALL), 0.5)).toBeLessThan(250);
    expect(quantile(await alone(schedule, 3, { code: "return 1" }), 0.5)).toBeLessThan(250);
    const runs = await together(schedule, 200, CALL);
    expect(runs.filter(({ outcome, attempt }) => outcome !== "ok" || attempt !== 1)).toEqual([]);
    expect(new Set(runs.map(({ task }) => task)).size).toBe(200);
  });
});
