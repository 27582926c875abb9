import { createHash } from "node:crypto";
import { accountsOf } from "../../core-services/auth/accounts.ts";
import { hashCredential, parseCredential, REFRESH_LABEL, SESSION_LABEL } from "../../core-services/auth/credential.ts";
import type { Presented } from "../../core-services/auth/realm/entrance.ts";
import type { RateState } from "../../core-services/auth/gcra.ts";
import { realmOf } from "../../core-services/auth/realm.ts";
import { DoError, toDoError } from "../../../sdk/src/errors.ts";
import { refused } from "./refused.ts";
import { ROOT, type Principal } from "./principal.ts";

/** What is known of a request beside what it says. */
export interface Circumstances {
  /** Where it comes from, if somebody trusted has said so. */
  readonly address: string | undefined;
  readonly requestId: string;
}

/** Who presents a credential, and what it grants. */
export interface Authenticated {
  readonly principal: Principal;
  /** At most these of the tier's; undefined: all of them. */
  readonly scopes: readonly string[] | undefined;
  readonly credential: { readonly id: string; readonly expiresMs: number | undefined } | undefined;
  /** How much of its rates is left, after this request. */
  readonly rates: readonly RateState[];
}

/** Turns what a caller presents into who it is, and counts the request. */
export interface Authenticator {
  /**
   * @throws DoError UNAUTHENTICATED for a credential that is not good; RATE_LIMITED; UNAVAILABLE when it cannot be told,
   * which never means anonymous
   */
  authenticate(credential: unknown, circumstances: Circumstances): Promise<Authenticated>;
}

const MAX_CREDENTIAL_CHARACTERS = 8_192;
const MIN_ROOT_KEY_CHARACTERS = 16;
const MAX_TAGS = 10_000;

/** Which tenant a tag is of never changes, so that it may be remembered anywhere; whether a key is good may not. */
const tenantsByTag = new Map<string, string>();

/** Knows the root key, and asks the Realm of a tenant about everything else: one step for each request. */
export class RealmAuthenticator implements Authenticator {
  readonly #env: Cloudflare.Env;
  readonly #now: () => number;

  constructor(env: Cloudflare.Env, now: () => number) {
    this.#env = env;
    this.#now = now;
  }

  async authenticate(credential: unknown, circumstances: Circumstances): Promise<Authenticated> {
    this.#checkConfigured();
    if (typeof credential !== "string" || credential === "" || credential.length > MAX_CREDENTIAL_CHARACTERS) throw badCredential();
    if (this.#isRootKey(credential))
      return { principal: ROOT, scopes: undefined, credential: { id: "root", expiresMs: undefined }, rates: [] };
    const parsed = parseCredential(credential);
    if (!parsed) throw badCredential();
    const tenant = await this.#tenantOf(parsed.tag);
    if (tenant === undefined) throw badCredential();
    const presented = { hash: hashCredential(credential), cost: 1, ...circumstances };
    switch (parsed.label) {
      case SESSION_LABEL:
        return this.#enter(tenant, { kind: "session", id: `ses_${parsed.ulid}`, ...presented });
      case REFRESH_LABEL:
        // Good for refreshSession alone.
        throw badCredential();
      default:
        return this.#enter(tenant, { kind: "key", id: `key_${parsed.ulid}`, ...presented });
    }
  }

  async #enter(tenant: string, presented: Presented): Promise<Authenticated> {
    const entry = await known(() => realmOf(this.#env, tenant).enter(presented, this.#now()));
    const { identity, refusal, rates } = entry;
    if (refusal !== undefined || !identity) throw refused(refusal ?? "unknown", entry);
    const { kind, id, tier, scopes, credentialId, expiresMs } = identity;
    return { principal: Object.freeze({ kind, id, tenant, tier }), scopes, credential: { id: credentialId, expiresMs }, rates };
  }

  async #tenantOf(tag: string): Promise<string | undefined> {
    const remembered = tenantsByTag.get(tag);
    if (remembered !== undefined) return remembered;
    const tenant = await known(async () => accountsOf(this.#env).tenantOf(tag));
    if (tenantsByTag.size >= MAX_TAGS) tenantsByTag.clear();
    if (tenant !== undefined) tenantsByTag.set(tag, tenant);
    return tenant;
  }

  /** Not configured is an outage, not an open door. */
  #checkConfigured(): void {
    const rootKey = this.#env.DO_ROOT_KEY;
    if (rootKey !== undefined && rootKey.length >= MIN_ROOT_KEY_CHARACTERS) return;
    throw new DoError("UNAVAILABLE", `Cannot authenticate: DO_ROOT_KEY is not set, or shorter than ${MIN_ROOT_KEY_CHARACTERS} characters`, {
      reason: "AUTH_NOT_CONFIGURED",
      retryable: false,
    });
  }

  /** Compares digests, so that neither length nor common beginning shows in the time it takes. */
  #isRootKey(credential: string): boolean {
    const digest = (text: string) => createHash("sha256").update(text).digest();
    return crypto.subtle.timingSafeEqual(digest(credential), digest(this.#env.DO_ROOT_KEY ?? ""));
  }
}

/** A store that cannot be asked is an outage; what it answers is an answer. */
async function known<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const ours = toDoError(error);
    if (ours) throw ours;
    console.error(JSON.stringify({ level: "error", event: "auth-unavailable", error: error instanceof Error ? error.message : "" }));
    throw new DoError("UNAVAILABLE", "Cannot tell now whether the credential is good", { reason: "AUTH_UNAVAILABLE", retryAfterMs: 1_000 });
  }
}

export function badCredential(): DoError {
  return new DoError("UNAUTHENTICATED", "Cannot authenticate: the credential is not valid", { reason: "BAD_CREDENTIAL" });
}
