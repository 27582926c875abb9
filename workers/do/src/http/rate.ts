import type { RateState } from "../../../core-services/auth/gcra.ts";

/**
 * The fields that say how much is left, as structured lists.
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function rateFields(rates: readonly RateState[]): [name: string, value: string][] {
  return [
    ["ratelimit-policy", rates.map(({ name, limit, windowSeconds }) => `"${name}";q=${limit};w=${windowSeconds}`).join(", ")],
    ["ratelimit", rates.map(({ name, remaining, resetSeconds }) => `"${name}";r=${remaining};t=${resetSeconds}`).join(", ")],
  ];
}
