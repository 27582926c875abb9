import { toDoError, type DoError } from "../../../../sdk/src/errors.ts";
import type { ExecutionAnswer } from "../../../../sdk/src/types.ts";
import type { Failure } from "./retry.ts";

/** What the same request would get again. */
const FINAL: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NOT_FOUND",
  "UNPROCESSABLE",
  "TOO_LARGE",
  "UNSUPPORTED",
  "COMPILE_ERROR",
]);
const NO_ROOM: ReadonlySet<string> = new Set(["LIMIT_EXCEEDED", "RATE_LIMITED", "UNAVAILABLE"]);

/** Of an error that was thrown in the way, or by a service. */
export function failureOf(error: unknown): Failure {
  const known = toDoError(error);
  if (!known) return { code: "UNAVAILABLE", reason: "LOST", message: "The process that did it was lost", kind: "again" };
  const { code, reason, message, retryAfterMs } = known;
  return { code, reason, message, retryAfterMs, kind: kindOf(known) };
}

function kindOf({ code, retryable }: DoError): Failure["kind"] {
  if (FINAL.has(code)) return "final";
  return NO_ROOM.has(code) && retryable ? "later" : "again";
}

/** Of code that did not end ok. Undefined when it did. */
export function failureOfAnswer({ outcome, error }: ExecutionAnswer): Failure | undefined {
  if (outcome === "ok") return undefined;
  const { code = "INTERNAL", reason, message = `It ended as ${outcome}` } = error ?? {};
  return { code, reason, message, kind: outcome === "compile-error" ? "final" : "again" };
}

/** Of an HTTP answer: what says that it may be better later is tried again (RFC 9110, section 15; RFC 6585). */
export function failureOfStatus(status: number): Failure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500;
  return { code: "UPSTREAM", reason: `HTTP_${status}`, message: `It answered ${status}`, kind: isPassing ? "again" : "final" };
}

/** At most how much code may run at a time, as who refused it says. */
export function placesOf(error: unknown): number | undefined {
  const { code, details } = toDoError(error) ?? {};
  const most = details?.["most"];
  return code === "LIMIT_EXCEEDED" && typeof most === "number" ? most : undefined;
}
