import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allot, choose, STEPS, type Range, type Share } from "../../workers/core-services/gateway/functions/choose.ts";

/** Shares of some of six versions, 100 % together, in any order. */
const shares = fc
  .array(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e", "f"), fc.nat(STEPS)), { minLength: 1, maxLength: 6 })
  .map((pairs) => {
    const cuts = [...new Map(pairs).entries()];
    const total = cuts.reduce((sum, [, weight]) => sum + weight, 0) || 1;
    const steps = cuts.map(([version, weight]) => ({ version, steps: Math.floor((weight * STEPS) / total) }));
    const rest = STEPS - steps.reduce((sum, one) => sum + one.steps, 0);
    return steps.map(({ version, steps: n }, i): Share => ({ version, percentage: (n + (i === 0 ? rest : 0)) / 100 }));
  });

const owners = (ranges: readonly Range[]) => {
  const all: string[] = [];
  for (const { version, end } of ranges) while (all.length < end) all.push(version);
  return all;
};
const stepsOf = (deployed: readonly Share[], version: string) =>
  Math.round((deployed.find((share) => share.version === version)?.percentage ?? 0) * 100);

describe("which version a call gets", () => {
  it("is each one's share, exactly, and after each change as few as can be get another", () => {
    fc.assert(
      fc.property(fc.array(shares, { minLength: 1, maxLength: 8 }), (deployments) => {
        let ranges: Range[] = [];
        let last: readonly Share[] | undefined;
        for (const deployed of deployments) {
          const next = allot(ranges, deployed);
          const [before, after] = [owners(ranges), owners(next)];
          expect(after).toHaveLength(STEPS);
          for (const { version } of deployed) expect(after.filter((one) => one === version)).toHaveLength(stepsOf(deployed, version));
          const shrunk = (last ?? []).reduce((sum, { version, percentage }) => {
            return sum + Math.max(0, Math.round(percentage * 100) - stepsOf(deployed, version));
          }, 0);
          expect(after.filter((version, step) => version !== before[step])).toHaveLength(last ? shrunk : STEPS);
          expect(allot(next, deployed.toReversed())).toEqual(next);
          [ranges, last] = [next, deployed];
        }
      }),
      { numRuns: 60 },
    );
  });

  it("by a key is the same for good, by chance is spread", () => {
    const [half, more] = [50, 75].map((percentage) => [
      { version: "a", percentage },
      { version: "b", percentage: 100 - percentage },
    ]) as [Share[], Share[]];
    const first = allot([], half);
    const second = allot(first, more);
    const keys = Array.from({ length: 2_000 }, (_, i) => `key ${i}`);
    const gets = (ranges: readonly Range[]) => keys.map((key) => choose(ranges, key, "shop", 0));
    const [before, after] = [gets(first), gets(second)];
    expect(before.every((version, i) => version === "b" || after[i] === "a")).toBe(true);
    const moved = before.filter((version, i) => version !== after[i]).length;
    expect(moved / keys.length).toBeGreaterThan(0.2);
    expect(moved / keys.length).toBeLessThan(0.3);
    expect(keys.map((key) => choose(first, key, "other", 0))).not.toEqual(before);
    expect([0, 0.49999, 0.5, 0.99999].map((random) => choose(first, undefined, "shop", random))).toEqual(["a", "a", "b", "b"]);
  });
});
