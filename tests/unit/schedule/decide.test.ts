import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideDue, type DueTask } from "../../../workers/core-services/schedule/decide/due.ts";
import { failureOf, failureOfStatus } from "../../../workers/core-services/schedule/decide/failure.ts";
import { decideOverlap, OVERLAP_POLICIES } from "../../../workers/core-services/schedule/decide/overlap.ts";
import { decideRetry } from "../../../workers/core-services/schedule/decide/retry.ts";
import { fill } from "../../../workers/core-services/schedule/fill.ts";
import { durationMs } from "../../../workers/core-services/schedule/timing/duration.ts";
import { nextAfter, type Timing } from "../../../workers/core-services/schedule/timing/timing.ts";
import { DoError } from "../../../sdk/src/errors.ts";

const every = (everyMs: number, bounds: Partial<Pick<Timing, "startMs" | "endMs">> = {}): Timing => ({
  kind: "every",
  everyMs,
  anchorMs: 0,
  startMs: undefined,
  endMs: undefined,
  ...bounds,
});

const OPTIONS = { most: 10, onTimeMs: 1_000, random: () => 0.5 };

describe("decideDue, over any steps of a clock", () => {
  it("decides each time once, in order, and none before it is due", () => {
    const steps = fc.array(fc.integer({ min: -2_000, max: 30_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 500, max: 5_000 }), fc.integer({ min: 0, max: 3_000 }), (moves, everyMs, jitterMs) => {
        const timing = every(everyMs);
        let task: DueTask = {
          timing,
          nextMs: everyMs,
          dueMs: everyMs,
          catchupWindowMs: 20_000,
          jitterMs,
          skipNext: 2,
          runsLeft: undefined,
        };
        let nowMs = 0;
        let decided = 0;
        for (const move of moves) {
          nowMs += move;
          const decision = decideDue(task, nowMs, OPTIONS);
          for (const occurrence of decision.occurrences) {
            expect(occurrence.scheduledMs).toBe((decided + 1) * everyMs);
            expect(occurrence.scheduledMs).toBeLessThanOrEqual(nowMs);
            expect(occurrence.kind === "run" ? occurrence.dueMs : occurrence.scheduledMs).toBeLessThanOrEqual(nowMs);
            decided += occurrence.kind === "missed" ? missed(decision.occurrences, everyMs, decided, decision.next?.nextMs) : 1;
          }
          expect(decision.next?.nextMs).toBe((decided + 1) * everyMs);
          if (decision.next) task = { ...task, ...decision.next, skipNext: decision.skipNext };
        }
      }),
    );
  });

  /** How many times the first of the occurrences stands for: up to the one that follows it. */
  function missed(occurrences: readonly { scheduledMs: number }[], everyMs: number, decided: number, nextMs = 0): number {
    return ((occurrences[1]?.scheduledMs ?? nextMs) - (decided + 1) * everyMs) / everyMs;
  }

  it("has as many runs as are left, and is over then", () => {
    const task = { timing: every(1_000), nextMs: 1_000, dueMs: 1_000, catchupWindowMs: 60_000, jitterMs: 0, skipNext: 1, runsLeft: 2 };
    const { occurrences, next } = decideDue(task, 60_000, OPTIONS);
    expect(occurrences.map(({ kind }) => kind)).toEqual(["skipped", "run", "run"]);
    expect(next).toBeUndefined();
  });

  it("is caught up at the edge of the window, and missed one millisecond beyond", () => {
    const timing: Timing = { kind: "at", atMs: 1_000, startMs: undefined, endMs: undefined };
    const task = { timing, nextMs: 1_000, dueMs: 1_000, catchupWindowMs: 10_000, jitterMs: 0, skipNext: 0, runsLeft: undefined };
    expect(decideDue(task, 11_000, OPTIONS).occurrences).toMatchObject([{ kind: "run", isLate: true }]);
    expect(decideDue(task, 11_001, OPTIONS).occurrences).toMatchObject([{ kind: "missed", count: 1 }]);
  });
});

describe("decideOverlap", () => {
  it("starts when nothing is before it, whatever the policy", () => {
    for (const policy of OVERLAP_POLICIES) expect(decideOverlap(policy, { active: 0, buffered: 0 }, 10)).toEqual({ do: "start" });
  });

  it.each([
    ["skip", 1, 0, "skip"],
    ["bufferOne", 1, 0, "buffer"],
    ["bufferOne", 1, 1, "skip"],
    ["bufferAll", 1, 9, "buffer"],
    ["bufferAll", 1, 10, "skip"],
    ["cancelOther", 3, 3, "buffer"],
    ["allowAll", 9, 0, "start"],
    ["allowAll", 10, 0, "skip"],
  ] as const)("%s with %d active and %d buffered: %s", (policy, active, buffered, expected) => {
    expect(decideOverlap(policy, { active, buffered }, 10).do).toBe(expected);
  });
});

describe("decideRetry", () => {
  const policy = { maxAttempts: 3, backoffMs: 1_000, maxBackoffMs: 1_500, maxAgeMs: 10_000 };
  const failure = { code: "THREW", message: "", kind: "again" } as const;
  const tried = { attempts: 1, refusals: 0, dueMs: 0 };

  it("waits between half of its back-off and all of it, never more than the most", () => {
    const at = (attempts: number, random: number) =>
      decideRetry({ ...policy, maxAttempts: 9 }, { ...tried, attempts }, failure, 0, () => random);
    expect([at(1, 0), at(1, 1), at(2, 0), at(2, 1), at(8, 1)]).toEqual(
      [500, 1_000, 750, 1_500, 1_500].map((atMs) => ({ do: "again", atMs })),
    );
  });

  it("is tried as often as it may be, up to its age, and waits as long as it was told", () => {
    expect(decideRetry(policy, { ...tried, attempts: 2 }, failure, 0, () => 0).do).toBe("again");
    expect(decideRetry(policy, { ...tried, attempts: 3 }, failure, 0, () => 0).do).toBe("fail");
    expect(decideRetry(policy, tried, failure, 9_500, () => 0)).toEqual({ do: "again", atMs: 10_000 });
    expect(decideRetry(policy, tried, failure, 9_501, () => 0)).toEqual({ do: "fail", reason: "MAX_AGE" });
    expect(decideRetry(policy, tried, { ...failure, retryAfterMs: 7_000 }, 0, () => 0)).toEqual({ do: "again", atMs: 7_000 });
  });
});

describe("failures", () => {
  it.each([
    ["PERMISSION_DENIED", "final"],
    ["UNSUPPORTED", "final"],
    ["CONFLICT", "again"],
    ["UNAVAILABLE", "later"],
    ["RATE_LIMITED", "later"],
    ["LIMIT_EXCEEDED", "again"],
    ["TIMEOUT", "again"],
  ] as const)("%s is %s", (code, kind) => {
    expect(failureOf(new DoError(code, "m"))).toMatchObject({ code, kind });
  });

  it("a limit that will have room again is later; what is no error of ours is a loss", () => {
    expect(failureOf(new DoError("LIMIT_EXCEEDED", "m", { retryable: true })).kind).toBe("later");
    expect(failureOf(new Error("disconnected"))).toMatchObject({ code: "UNAVAILABLE", reason: "LOST", kind: "again" });
  });

  it.each([
    [200, undefined],
    [299, undefined],
    [301, "final"],
    [404, "final"],
    [408, "again"],
    [429, "again"],
    [500, "again"],
    [503, "again"],
  ] as const)("HTTP %d is %s", (status, kind) => {
    expect(failureOfStatus(status)?.kind).toBe(kind);
  });
});

describe("values", () => {
  it.each([
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1w", 604_800_000],
    ["500ms", 500],
    ["PT5M", 300_000],
    ["P1DT0.5S", 86_400_500],
    ["", undefined],
    ["P", undefined],
    ["PT", undefined],
    ["5", undefined],
    ["5 minutes", undefined],
    ["-5m", undefined],
  ])('"%s" is %s ms', (text, expected) => {
    expect(durationMs(text)).toBe(expected);
  });

  it("get facts of the run where they name them, and nothing else", () => {
    const run = { id: "run_1", task: "t", scheduledFor: "2026-01-01T00:00:00.000Z", attempt: 2, trigger: "schedule" } as const;
    const value = { a: ["<run.id>-<run.attempt>", 1, null, true], b: { c: "<run.>", "<run.id>": "<run.constructor> <run.task>" } };
    expect(fill(value, run)).toEqual({ a: ["run_1-2", 1, null, true], b: { c: "<run.>", "<run.id>": "<run.constructor> t" } });
  });

  it("an interval counts from its anchor, within its bounds", () => {
    const timing = every(1_000, { startMs: 2_500, endMs: 4_000 });
    expect([0, 2_999, 3_000].map((after) => nextAfter(timing, after))).toEqual([3_000, 3_000, undefined]);
    expect(nextAfter(every(1_000), -1)).toBe(0);
  });
});
