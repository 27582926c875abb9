import { DoError } from "../../../../sdk/src/errors.ts";
import { guardedFetch, type GuardedFetchOptions } from "../../shared/guarded-fetch.ts";
import type { JWK } from "../jwt/verify.ts";

/** How long keys are taken as they are. */
const FRESH_MS = 10 * 60_000;
/** How long they are when new ones cannot be had. */
const STALE_MS = 60 * 60_000;
/** Between two questions for a key id that is not there: anyone can make one up. */
const COOLDOWN_MS = 30_000;
const FIRST_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 300_000;
const MAX_JWKS_BYTES = 262_144;
const JWKS_TIMEOUT_MS = 5_000;
const MAX_KEYS = 100;

interface Held {
  keys: readonly JWK[];
  fetchedMs: number;
  failures: number;
  nextTryMs: number;
  pending: Promise<void> | undefined;
}

export interface JwksOptions extends Pick<GuardedFetchOptions, "egress" | "loopbackOrigins"> {
  readonly now: () => number;
}

/** The public keys of other issuers, asked for once for all, kept, and asked for less often when they do not come. */
export class JwksCache {
  readonly #held = new Map<string, Held>();

  /**
   * @param kid what a token wants: a key that is not held is worth a new question, now and then
   * @throws DoError UNAVAILABLE when there are none to be had
   */
  async keys(url: string, kid: string | undefined, options: JwksOptions): Promise<readonly JWK[]> {
    const held = this.#held.get(url) ?? { keys: [], fetchedMs: -Infinity, failures: 0, nextTryMs: 0, pending: undefined };
    this.#held.set(url, held);
    const nowMs = options.now();
    const ageMs = nowMs - held.fetchedMs;
    const isMissing = kid !== undefined && !held.keys.some((key) => key.kid === kid) && ageMs > COOLDOWN_MS;
    if ((ageMs > FRESH_MS || isMissing) && nowMs >= held.nextTryMs) {
      held.pending ??= this.#refresh(url, held, options).finally(() => (held.pending = undefined));
      await held.pending;
    }
    if (options.now() - held.fetchedMs <= STALE_MS) return held.keys;
    throw new DoError("UNAVAILABLE", "Cannot tell now whether the token is good: the keys of its issuer cannot be had", {
      reason: "JWKS_UNREACHABLE",
      retryAfterMs: Math.max(1_000, held.nextTryMs - options.now()),
    });
  }

  async #refresh(url: string, held: Held, { egress, loopbackOrigins, now }: JwksOptions): Promise<void> {
    try {
      const text = await guardedFetch(url, { egress, loopbackOrigins, maxBytes: MAX_JWKS_BYTES, timeoutMs: JWKS_TIMEOUT_MS });
      Object.assign(held, { keys: parseJwks(text), fetchedMs: now(), failures: 0, nextTryMs: 0 });
    } catch (error) {
      held.failures++;
      held.nextTryMs = now() + Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (held.failures - 1));
      console.error(JSON.stringify({ level: "error", event: "jwks", url, error: error instanceof Error ? error.message : "" }));
    }
  }
}

function parseJwks(text: string): JWK[] {
  const parsed = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(parsed.keys) || parsed.keys.length > MAX_KEYS) throw new Error("It is no JSON Web Key Set");
  return parsed.keys.filter((key): key is JWK => typeof key === "object" && key !== null && typeof (key as JWK).kty === "string");
}
