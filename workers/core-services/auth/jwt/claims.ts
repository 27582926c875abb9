/** What clocks may differ by. */
const SKEW_SECONDS = 30;

export interface Expected {
  readonly issuer: string;
  /** One of these is who the token is for. */
  readonly audiences: readonly string[];
  readonly nowMs: number;
}

export type ClaimsRefusal = "issuer" | "audience" | "expired" | "not-yet" | "malformed";

export interface Checked {
  readonly sub: string;
  readonly expiresMs: number;
  readonly claims: Record<string, unknown>;
}

/** Holds the registered claims to what is expected; each must be there, in its own type. */
export function checkClaims(claims: Record<string, unknown>, { issuer, audiences, nowMs }: Expected): Checked | ClaimsRefusal {
  const { iss, sub, aud, exp, iat, nbf } = claims;
  const now = nowMs / 1_000;
  if (typeof iss !== "string" || typeof sub !== "string" || sub === "" || sub.length > 255) return "malformed";
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf))) return "malformed";
  if (iss !== issuer) return "issuer";
  if (!audiencesOf(aud).some((one) => audiences.includes(one))) return "audience";
  if (exp <= now - SKEW_SECONDS) return "expired";
  if (iat > now + SKEW_SECONDS || (nbf !== undefined && nbf > now + SKEW_SECONDS)) return "not-yet";
  return { sub, expiresMs: exp * 1_000, claims };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 1e11;
}

function audiencesOf(aud: unknown): string[] {
  const all: unknown[] = Array.isArray(aud) ? aud : [aud];
  return all.every((one) => typeof one === "string") ? all : [];
}
