import type { ExecutionError, Limits, Outcome } from "../../../../sdk/src/types.ts";
import { decodeValue, MAX_DEPTH, type ValueTypes } from "../../../../sdk/src/values.ts";
import { byteLength } from "../../../core-services/shared/hash.ts";
import type { Ending } from "./executor.ts";

/** Why the host ended a run. */
export type StopReason = "timeout" | "calls-exceeded" | "cancelled";

/** What the host itself saw of a run. Only this decides what a limit outcome is. */
export interface Witnessed {
  readonly stop: StopReason | undefined;
  readonly ending: Ending | undefined;
  /** Whether the isolate has called the host: then its code was loaded, whatever an error says. */
  readonly hasRun: boolean;
  /** CPU time that it can have used at most: measured by the operating system, else the time that passed. */
  readonly mostCpuMs: number;
  readonly limits: Limits;
  readonly tier: string;
}

export type Conclusion =
  | { outcome: "ok"; resultText: string; types: ValueTypes; hasValue: boolean; resultBytes: number }
  | { outcome: Exclude<Outcome, "ok">; error: ExecutionError };

/** From what was seen to what is said. Pure. */
export function conclude(seen: Witnessed): Conclusion {
  if (seen.stop) return limitReached(seen.stop, seen);
  if (!seen.ending) return { outcome: "lost", error: lost() };
  const { ending, limits } = seen;
  switch (ending.kind) {
    case "answered":
      return checkResult(ending, seen);
    case "threw":
      return { outcome: "threw", error: ending.error };
    case "compile-error":
      return seen.hasRun ? endedItself(ending.error) : { outcome: "compile-error", error: ending.error };
    case "result-too-large":
      return ending.resultBytes > limits.resultBytes
        ? tooLarge(ending.resultBytes, seen)
        : endedItself({ code: "THREW", name: "Error", message: "" });
    case "cpu-exceeded":
      // The guard speaks from inside the isolate.
      if (seen.mostCpuMs < limits.cpuMs) return endedItself(ending.error);
      return { outcome: "cpu-exceeded", error: { ...ending.error, ...limitError("cpu", `cpuMs is ${limits.cpuMs}`, seen.tier) } };
    case "killed":
      return killed(ending.by, seen);
  }
}

/** What the supervisor says of a process that it ended. */
function killed(by: Extract<Ending, { kind: "killed" }>["by"], { limits, tier }: Witnessed): Conclusion {
  switch (by) {
    case "cpu":
      return { outcome: "cpu-exceeded", error: limitError("cpu", `cpuMs is ${limits.cpuMs}`, tier) };
    case "memory":
      return { outcome: "memory-exceeded", error: limitError("memory", `memoryMb is ${limits.memoryMb}`, tier) };
    case "host":
      return { outcome: "lost", error: lost() };
  }
}

/** What an isolate says of itself and the host has not seen. */
function endedItself({ line, column, stack }: ExecutionError): Conclusion {
  const at = {
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(stack === undefined ? {} : { stack }),
  };
  return { outcome: "threw", error: { code: "THREW", reason: "ABORTED", name: "Error", message: "The code ended itself", ...at } };
}

function checkResult(ending: Extract<Ending, { kind: "answered" }>, seen: Witnessed): Conclusion {
  const { resultText, types, hasValue } = ending;
  const resultBytes = byteLength(resultText) + typesBytes(types);
  if (resultBytes > seen.limits.resultBytes) return tooLarge(resultBytes, seen);
  if (!hasValue || isValue(resultText, types)) return { outcome: "ok", resultText, types, hasValue, resultBytes };
  const message = `The result is no value of docs/values.md, or nested deeper than ${MAX_DEPTH} levels`;
  return { outcome: "threw", error: { code: "THREW", reason: "BAD_RESULT", name: "TypeError", message } };
}

/** The text comes from the isolate: it is parsed here once, whatever the harness promised. */
function isValue(text: string, types: ValueTypes): boolean {
  try {
    decodeValue({ value: JSON.parse(text) as unknown, types });
    return true;
  } catch {
    return false;
  }
}

function typesBytes(types: ValueTypes): number {
  const names = Object.entries(types);
  return names.length === 0 ? 0 : names.reduce((sum, [pointer, type]) => sum + pointer.length + type.length + 6, 0);
}

function tooLarge(resultBytes: number, { limits, tier }: Witnessed): Conclusion {
  const error = limitError("result", `resultBytes is ${limits.resultBytes}, got ${resultBytes}`, tier);
  return { outcome: "result-too-large", error };
}

function limitReached(stop: StopReason, { limits, tier }: Witnessed): Conclusion {
  switch (stop) {
    case "timeout":
      return { outcome: "timeout", error: limitError("time", `wallMs is ${limits.wallMs}`, tier) };
    case "calls-exceeded":
      return { outcome: "calls-exceeded", error: limitError("calls", `calls is ${limits.calls}`, tier) };
    case "cancelled":
      return { outcome: "cancelled", error: { code: "CANCELLED", name: "DoError", message: "The execution was cancelled" } };
  }
}

const LIMIT_CODES = {
  time: "TIMEOUT",
  cpu: "LIMIT_EXCEEDED",
  memory: "LIMIT_EXCEEDED",
  calls: "LIMIT_EXCEEDED",
  result: "TOO_LARGE",
} as const;

function limitError(what: keyof typeof LIMIT_CODES, limit: string, tier: string): ExecutionError {
  return {
    code: LIMIT_CODES[what],
    reason: `${what.toUpperCase()}_LIMIT`,
    name: "DoError",
    message: `The code reached its ${what} limit: ${limit} in tier "${tier}"`,
  };
}

function lost(): ExecutionError {
  return {
    code: "UNAVAILABLE",
    reason: "EXECUTOR_LOST",
    name: "DoError",
    message: "The executor was lost before it could answer",
  };
}
