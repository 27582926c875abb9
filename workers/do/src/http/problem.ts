import { isScope } from "../../../core-services/auth/scopes.ts";
import type { RateState } from "../../../core-services/auth/gcra.ts";
import { DoError, publicError, toProblem } from "../errors.ts";
import { rateFields } from "./rate.ts";

/** For the statuses that say more than a code of ours does: to a program 405 and 415 are INVALID_ARGUMENT, 508 is LIMIT_EXCEEDED. */
export class HttpError extends DoError {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: 405 | 415 | 508, reason: string, message: string, headers: Record<string, string> = {}) {
    super(status === 508 ? "LIMIT_EXCEEDED" : "INVALID_ARGUMENT", message, { reason });
    this.status = status;
    this.headers = headers;
  }
}

/** Any error as RFC 9457 `application/problem+json`. */
export function problem(error: unknown, requestId: string): Response {
  const { status, body } = toProblem(publicError(error, requestId));
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  const actual = error instanceof HttpError ? error.status : status;
  if (error instanceof HttpError) for (const [name, value] of Object.entries(error.headers)) headers.set(name, value);
  if (actual === 401)
    headers.set("www-authenticate", body["reason"] === "NO_CREDENTIAL" ? 'Bearer realm="do"' : 'Bearer realm="do", error="invalid_token"');
  const scope = (body["details"] as { scope?: unknown } | undefined)?.scope;
  // Step-up (RFC 6750, section 3.1): what a client has to ask its user for.
  if (actual === 403 && typeof scope === "string" && isScope(scope)) {
    headers.set("www-authenticate", `Bearer realm="do", error="insufficient_scope", scope="${scope}"`);
  }
  const retryAfterMs = body["retryAfterMs"];
  if (typeof retryAfterMs === "number") headers.set("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  const rates = body["code"] === "RATE_LIMITED" ? (body["details"] as { rates?: RateState[] } | undefined)?.rates : undefined;
  if (rates) for (const [name, value] of rateFields(rates)) headers.set(name, value);
  return new Response(JSON.stringify({ ...body, status: actual }), { status: actual, headers });
}
