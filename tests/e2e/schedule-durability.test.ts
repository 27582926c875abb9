import { expect, it } from "vitest";
import { scheduleKillRounds } from "../support/schedule-kills.ts";

it("no run that is due is lost by SIGKILL, and a kill repeats a run at most once", async () => {
  const result = await scheduleKillRounds(3);
  expect(result).toMatchObject({ lost: [], doubled: [], withoutEffect: [], failed: [] });
  expect(result.due).toBeGreaterThan(30);
  expect(result.mostRepeats).toBeLessThanOrEqual(3);
});
