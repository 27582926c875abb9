import { STATUS_BY_CODE, type DoError, type ErrorCode } from "./errors.ts";

const TITLES: Record<ErrorCode, string> = {
  INVALID_ARGUMENT: "Invalid argument",
  UNAUTHENTICATED: "Not authenticated",
  PERMISSION_DENIED: "Permission denied",
  NOT_FOUND: "Not found",
  CONFLICT: "Conflict",
  PRECONDITION_FAILED: "Precondition failed",
  TOO_LARGE: "Too large",
  UNPROCESSABLE: "Unprocessable",
  RATE_LIMITED: "Rate limited",
  LIMIT_EXCEEDED: "Limit exceeded",
  CANCELLED: "Cancelled",
  INTERNAL: "Internal error",
  UNSUPPORTED: "Not supported",
  UPSTREAM: "Upstream failed",
  UNAVAILABLE: "Unavailable",
  TIMEOUT: "Timed out",
};

/** RFC 9457 problem details, with the members of a DoError. */
export function toProblem(error: DoError): { status: number; body: Record<string, unknown> } {
  const { code, message, reason, retryable, retryAfterMs, details, requestId } = error;
  const status = STATUS_BY_CODE[code];
  return {
    status,
    body: {
      type: "about:blank",
      title: TITLES[code],
      status,
      detail: message,
      code,
      reason,
      message,
      retryable,
      retryAfterMs,
      details,
      requestId,
    },
  };
}
