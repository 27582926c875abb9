import type { Conclusion } from "../executor/outcome.ts";
import type { ErrorCode } from "../../../../sdk/src/errors.ts";
import { DoError } from "../errors.ts";

/** How a function ended, to who called it: it is the callee that failed, whatever its own limits say of themselves. */
const CODES: Readonly<Record<Exclude<Conclusion["outcome"], "ok">, readonly [code: ErrorCode, reason: string]>> = {
  threw: ["UPSTREAM", "FUNCTION_THREW"],
  "compile-error": ["UPSTREAM", "FUNCTION_DID_NOT_LOAD"],
  timeout: ["TIMEOUT", "FUNCTION_TIMEOUT"],
  "cpu-exceeded": ["UPSTREAM", "FUNCTION_CPU_LIMIT"],
  "memory-exceeded": ["UPSTREAM", "FUNCTION_MEMORY_LIMIT"],
  "calls-exceeded": ["UPSTREAM", "FUNCTION_CALLS_LIMIT"],
  "result-too-large": ["UPSTREAM", "FUNCTION_RESULT_TOO_LARGE"],
  cancelled: ["CANCELLED", "FUNCTION_CANCELLED"],
  lost: ["UNAVAILABLE", "FUNCTION_LOST"],
};

export interface Ended {
  readonly name: string;
  readonly version: string;
  readonly executionId: string;
  readonly conclusion: Exclude<Conclusion, { outcome: "ok" }>;
  readonly file: string | undefined;
}

/** The error that a caller of the function gets. */
export function endedError({ name, version, executionId, conclusion, file }: Ended): DoError {
  const { outcome, error } = conclusion;
  const [code, reason] = CODES[outcome];
  const said = outcome === "threw" ? `${error.name}: ${error.message}` : error.message;
  return new DoError(code, `${name}: ${said}`, {
    reason,
    // It has run: whether it may run again, who wrote it knows.
    retryable: outcome === "lost",
    details: { function: name, version, executionId, outcome, error: { ...error, ...(file === undefined ? {} : { file }) } },
  });
}
