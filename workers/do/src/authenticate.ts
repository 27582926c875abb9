import { accountsOf } from "../../core-services/auth/accounts.ts";
import { configOf } from "../../core-services/auth/config.ts";
import { hashCredential, parseCredential, REFRESH_LABEL, SESSION_LABEL } from "../../core-services/auth/credential.ts";
import type { Sponsor } from "../../core-services/shared/background.ts";
import type { RateState } from "../../core-services/auth/gcra.ts";
import { looksLikeJwt } from "../../core-services/auth/jwt/shape.ts";
import { authorizationServerOf } from "../../core-services/auth/oauth/authorization-server.ts";
import type { Presented } from "../../core-services/auth/realm/entrance.ts";
import { realmOf } from "../../core-services/auth/realm.ts";
import { DoError, toDoError } from "../../../sdk/src/errors.ts";
import { issuerOf, verifyToken } from "./authenticate-jwt.ts";
import { principalOf, ROOT, type Principal } from "./principal.ts";
import { refused } from "./refused.ts";

/** What is known of a request beside what it says. */
export interface Circumstances {
  /** Where it comes from, if somebody trusted has said so. */
  readonly address: string | undefined;
  /** Where it was sent to, if it was sent by HTTP. */
  readonly origin: string | undefined;
  /** The part of it that has tokens of its own: `/mcp`, or empty for all else. */
  readonly resourcePath: string;
  readonly requestId: string;
  /** By whom it was passed on (RFC 8586); empty for what came by no HTTP. */
  readonly cdnLoop: string;
  /** From code that do runs. */
  readonly isGuest: boolean;
  /** Why it is done, if nobody asks for it now: `queue:orders`. */
  readonly cause: string | undefined;
}

/** Who presents a credential, and what it grants. */
export interface Authenticated {
  readonly principal: Principal;
  /** At most these of the tier's; undefined: all of them. */
  readonly scopes: readonly string[] | undefined;
  readonly credential:
    | {
        readonly id: string;
        /** What it is made from, in the end: of a token the key or session, of these themselves. */
        readonly source: string | undefined;
        readonly expiresMs: number | undefined;
      }
    | undefined;
  /** How much of its rates is left, after this request. */
  readonly rates: readonly RateState[];
}

/** The id of a key, and the tag of its tenant, as an access key id has them. */
export interface SigningKey {
  readonly tag: string;
  readonly keyId: string;
}

/** Turns what a caller presents into who it is, and counts the request. */
export interface Authenticator {
  /**
   * @param cost what is taken from the rates; 0 only looks
   * @throws DoError UNAUTHENTICATED for a credential that is not good; RATE_LIMITED; UNAVAILABLE when it cannot be told,
   * which never means anonymous
   */
  authenticate(credential: unknown, circumstances: Circumstances, cost: number): Promise<Authenticated>;
  /** As the key that has signed a request, whose signature was checked: within these scopes. @throws DoError as `authenticate` */
  signed(key: SigningKey, scopes: readonly string[], circumstances: Circumstances, cost: number): Promise<Authenticated>;
  /** What is left of whom work is done for. Nothing is taken from its rates. @throws DoError as `authenticate` */
  sponsored(sponsor: Sponsor, requestId: string): Promise<Authenticated>;
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

  async authenticate(credential: unknown, circumstances: Circumstances, cost: number): Promise<Authenticated> {
    this.#checkConfigured();
    if (typeof credential !== "string" || credential === "" || credential.length > MAX_CREDENTIAL_CHARACTERS) throw badCredential();
    const hash = hashCredential(credential);
    if (isRootKey(hash, this.#env.DO_ROOT_KEY)) return AUTHENTICATED_ROOT;
    const { address, requestId } = circumstances;
    const asked = { address, requestId, cost };
    if (looksLikeJwt(credential)) return this.#byToken(credential, circumstances, cost);
    if (looksLikeOAuth(credential)) return this.#byGrant(credential, circumstances, cost);
    const parsed = parseCredential(credential);
    if (!parsed || parsed.label === REFRESH_LABEL) throw badCredential();
    const tenant = await this.#tenantOf(parsed.tag);
    if (tenant === undefined) throw badCredential();
    const [kind, prefix] = parsed.label === SESSION_LABEL ? (["session", "ses"] as const) : (["key", "key"] as const);
    const id = `${prefix}_${parsed.ulid}`;
    return this.#enter(tenant, { kind, id, hash, ...asked }, id);
  }

  async signed({ tag, keyId }: SigningKey, scopes: readonly string[], circumstances: Circumstances, cost: number): Promise<Authenticated> {
    this.#checkConfigured();
    const tenant = await this.#tenantOf(tag);
    if (tenant === undefined) throw badCredential();
    const { address, requestId } = circumstances;
    return this.#enter(tenant, { kind: "derived", id: keyId, source: keyId, scopes, address, requestId, cost }, keyId);
  }

  async sponsored({ principal, source, scopes }: Sponsor, requestId: string): Promise<Authenticated> {
    const { tenant, id, tier } = principal;
    if (source !== undefined) return this.#enter(tenant, { kind: "sponsored", source, scopes, requestId, cost: 0 }, source);
    const entry = await known(() => realmOf(this.#env, tenant).enter({ kind: "known", id, tier, cost: 0 }, this.#now()));
    if (entry.refusal !== undefined) throw refused(entry.refusal, entry);
    return { principal: principalOf(principal), scopes, credential: undefined, rates: entry.rates };
  }

  async #byToken(token: string, circumstances: Circumstances, cost: number): Promise<Authenticated> {
    const verified = await known(() => verifyToken(this.#env, token, circumstances.origin, this.#now()));
    const { address, requestId } = circumstances;
    if (verified.kind === "own") {
      const { tenant, id, source, scopes, expiresMs } = verified;
      const authenticated = await this.#enter(tenant, { kind: "derived", id, source, scopes, address, requestId, cost }, source);
      // Of a token, its own end.
      return { ...authenticated, credential: { id, source, expiresMs } };
    }
    const { tenant, tier, id, scopes, expiresMs } = verified;
    const entry = await known(() => realmOf(this.#env, tenant).enter({ kind: "known", id, tier, cost }, this.#now()));
    if (entry.refusal !== undefined) throw refused(entry.refusal, entry);
    return {
      principal: Object.freeze({ kind: "user", id, tenant, tier }),
      scopes,
      credential: { id, source: undefined, expiresMs },
      rates: entry.rates,
    };
  }

  async #byGrant(token: string, { origin, resourcePath, address, requestId }: Circumstances, cost: number): Promise<Authenticated> {
    const issuer = issuerOf(configOf(this.#env.DO_CONFIG), origin);
    if (issuer === undefined) throw badCredential();
    const valid = await known(() => authorizationServerOf(this.#env).validateToken(issuer, issuer + resourcePath, token));
    // Expired, revoked, for another resource, or none of ours: the library does not say which.
    if (!valid) throw badCredential();
    const { tenant, userId, scopes, grantId, expiresMs } = valid;
    const id = `oauth_${grantId}`;
    const presented = { kind: "derived", id, source: userId, scopes, address, requestId, cost } as const;
    const authenticated = await this.#enter(tenant, presented, userId);
    // Nothing is made of it by itself: a token exchange of OAuth keeps what is made bound to the grant.
    return { ...authenticated, credential: { id, source: undefined, expiresMs } };
  }

  async #enter(tenant: string, presented: Presented, source: string): Promise<Authenticated> {
    const entry = await known(() => realmOf(this.#env, tenant).enter(presented, this.#now()));
    const { identity, refusal, rates } = entry;
    if (refusal !== undefined || !identity) throw refused(refusal ?? "unknown", entry);
    const { kind, id, tier, scopes, credentialId, expiresMs } = identity;
    return { principal: Object.freeze({ kind, id, tenant, tier }), scopes, credential: { id: credentialId, source, expiresMs }, rates };
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
}

const encoder = new TextEncoder();
const rootKeyHash = { of: "", hash: hashCredential("") };

/** Compares hashes, so that neither length nor common beginning shows in the time it takes. */
function isRootKey(hash: string, rootKey = ""): boolean {
  if (rootKeyHash.of !== rootKey) Object.assign(rootKeyHash, { of: rootKey, hash: hashCredential(rootKey) });
  return crypto.subtle.timingSafeEqual(encoder.encode(hash), encoder.encode(rootKeyHash.hash));
}

/** `user:grant:secret`, as the library makes them. */
function looksLikeOAuth(text: string): boolean {
  return /^usr_[0-9A-Z]{26}\.[0-9A-Z]{8}:[\w-]+:[\w-]+$/.test(text);
}

const AUTHENTICATED_ROOT: Authenticated = Object.freeze({
  principal: ROOT,
  scopes: undefined,
  credential: { id: "root", source: "root", expiresMs: undefined },
  rates: [],
});

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

function badCredential(): DoError {
  return new DoError("UNAUTHENTICATED", "Cannot authenticate: the credential is not valid", { reason: "BAD_CREDENTIAL" });
}
