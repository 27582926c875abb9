import { DoError, type DoErrorOptions, type ErrorCode } from "../../../sdk/src/errors.ts";

export interface RefusalOptions extends DoErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the ingress answers itself: HTTP has statuses (405, 408, 414, 431, 505) that say more than a code of ours does. */
export class Refusal extends DoError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: ErrorCode, reason: string, message: string, { headers = {}, ...options }: RefusalOptions = {}) {
    super(code, message, { ...options, reason });
    this.status = status;
    this.headers = headers;
  }
}

export function badRequest(reason: string, message: string): Refusal {
  return new Refusal(400, "INVALID_ARGUMENT", reason, message);
}

export function tooSlow(what: string): Refusal {
  return new Refusal(408, "TIMEOUT", "REQUEST_TOO_SLOW", what);
}

export function bodyTooLarge(most: number): Refusal {
  return new Refusal(413, "TOO_LARGE", "BODY_TOO_LARGE", `The body must be at most ${most} bytes`);
}

/** Nothing was done: the caller may ask again, whatever the method. */
export function unavailable(reason: string, message: string, retryAfterMs = 1_000): Refusal {
  return new Refusal(503, "UNAVAILABLE", reason, message, { retryAfterMs });
}

/** The front was lost with the request in its hands. Only what changes nothing is safe to repeat unasked. */
export function frontLost(isSafe: boolean): Refusal {
  const message = isSafe
    ? "The request was lost while it was answered"
    : "The request was lost while it ran: it may have taken effect, so look before you repeat it, or repeat it with its idempotencyKey";
  return new Refusal(503, "UNAVAILABLE", "FRONT_LOST", message, { retryAfterMs: 1_000, retryable: isSafe });
}
