import { expect, it } from "vitest";
import { CALL, onDefaultHost, quantile, together } from "../../support/schedule-lag.ts";

/** On a machine that does nothing else. */
it(
  "of 1,000 tasks that are due in the same second, 99 of 100 start within two seconds, and none is lost",
  { timeout: 120_000 },
  async () => {
    const runs = await onDefaultHost((schedule) => together(schedule, 1_000, CALL));
    const lags = runs.map(({ lagMs = Infinity }) => lagMs);
    console.log(`lag of 1,000 tasks: p50 ${quantile(lags, 0.5)} ms, p99 ${quantile(lags, 0.99)} ms, most ${quantile(lags, 1)} ms`);
    expect(new Set(runs.map(({ task }) => task)).size).toBe(1_000);
    expect(runs.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
    expect(quantile(lags, 0.99)).toBeLessThan(2_000);
  },
);
