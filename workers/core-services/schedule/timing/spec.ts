import { DoError } from "../../../../sdk/src/errors.ts";
import type { Spec } from "../schema/task.ts";
import { everyMsOf } from "../schema/shared.ts";
import { cronProblem } from "./cron.ts";
import { localTimeMs } from "./local-time.ts";
import type { Timing } from "./timing.ts";

/**
 * A timing of what was sent.
 * @param anchorMs from when intervals count that have no `startAt`
 * @throws DoError INVALID_ARGUMENT (BAD_TIMING, BAD_CRON, BAD_TIME) that says what is allowed
 */
export function timingOf(spec: Pick<Spec, "cron" | "every" | "at" | "timezone" | "startAt" | "endAt">, anchorMs: number): Timing {
  const { cron, every, at, timezone: zone = "UTC", startAt, endAt } = spec;
  const given = [cron, every, at].filter((member) => member !== undefined).length;
  if (given !== 1) throw bad("BAD_TIMING", `it must have one of cron, every and at, and has ${given === 0 ? "none" : given}`);
  const startMs = startAt === undefined ? undefined : Date.parse(startAt);
  const endMs = endAt === undefined ? undefined : Date.parse(endAt);
  if (startMs !== undefined && endMs !== undefined && endMs <= startMs) throw bad("BAD_TIMING", "endAt must be after startAt");
  const bounds = { startMs, endMs };
  if (cron !== undefined) {
    const problem = cronProblem(cron);
    if (problem !== undefined) throw bad("BAD_CRON", `cron must have five fields, or six with seconds first: ${problem}`);
    return { ...bounds, kind: "cron", pattern: cron.trim(), zone };
  }
  if (every !== undefined) {
    const everyMs = everyMsOf(every) ?? 0;
    return { ...bounds, kind: "every", everyMs, anchorMs: startMs ?? anchorMs + everyMs };
  }
  return { ...bounds, kind: "at", atMs: instantOf(at ?? "", zone) };
}

function instantOf(at: string, zone: string): number {
  const local = localTimeMs(at, zone);
  if (local !== undefined) return local;
  const hasOffset = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/.test(at);
  const ms = hasOffset ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(ms)) throw bad("BAD_TIME", "at must be an instant, as 2027-01-31T12:00:00Z, or a local time, as 2027-01-31T12:00");
  return ms;
}

function bad(reason: string, problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot tell when: ${problem}`, { reason });
}
