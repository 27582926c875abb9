/** The closed list of error codes and the HTTP status that each travels with. */
export const STATUS_BY_CODE = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  PRECONDITION_FAILED: 412,
  TOO_LARGE: 413,
  UNPROCESSABLE: 422,
  RATE_LIMITED: 429,
  LIMIT_EXCEEDED: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  UNSUPPORTED: 501,
  UPSTREAM: 502,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
} as const;

export type ErrorCode = keyof typeof STATUS_BY_CODE;

const RETRYABLE: ReadonlySet<ErrorCode> = new Set(["RATE_LIMITED", "UNAVAILABLE", "TIMEOUT"]);

export interface DoErrorOptions {
  /** Narrows the code, in UPPER_SNAKE: `TIMEOUT_TOO_LONG`. */
  reason?: string | undefined;
  retryable?: boolean | undefined;
  retryAfterMs?: number | undefined;
  /** Plain data that helps a program: which field, which limit. Never a secret, path or query. */
  details?: Record<string, unknown> | undefined;
  requestId?: string | undefined;
}

/**
 * The one error of do. It crosses Workers RPC with its fields and HTTP as RFC 9457 `application/problem+json`.
 * Switch on `code`; `message` says what was wanted and what came.
 */
export class DoError extends Error {
  override readonly name = "DoError";
  readonly code: ErrorCode;
  declare readonly reason?: string;
  readonly retryable: boolean;
  declare readonly retryAfterMs?: number;
  declare readonly details?: Record<string, unknown>;
  declare readonly requestId?: string;

  constructor(code: ErrorCode, message: string, options: DoErrorOptions = {}) {
    super(message);
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    if (options.reason !== undefined) this.reason = options.reason;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.details !== undefined) this.details = options.details;
    if (options.requestId !== undefined) this.requestId = options.requestId;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(STATUS_BY_CODE, value);
}

/** What is left of a DoError after Workers RPC or JSON: its fields without its class. */
export function toDoError(value: unknown): DoError | undefined {
  if (value instanceof DoError) return value;
  if (typeof value !== "object" || value === null || !("code" in value) || !isErrorCode(value.code)) return undefined;
  const from = value as Record<string, unknown>;
  return new DoError(value.code, typeof from["message"] === "string" ? from["message"] : value.code, {
    reason: typeof from["reason"] === "string" ? from["reason"] : undefined,
    retryable: typeof from["retryable"] === "boolean" ? from["retryable"] : undefined,
    retryAfterMs: typeof from["retryAfterMs"] === "number" ? from["retryAfterMs"] : undefined,
    details: isRecord(from["details"]) ? from["details"] : undefined,
    requestId: typeof from["requestId"] === "string" ? from["requestId"] : undefined,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
