import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import { JwksCache } from "./accounts/jwks.ts";
import { SigningKeys, SIGNING_TABLE } from "./accounts/signing.ts";
import { Tenants, TENANTS_TABLE } from "./accounts/tenants.ts";
import { Users, USERS_TABLE, type SigningIn } from "./accounts/users.ts";
import { configOf } from "./config.ts";
import type { JWK } from "./jwt/verify.ts";
import { FLUSH_MS, Gates } from "./realm/gates.ts";
import type { Remote } from "./remote.ts";
import type { Tenant, User } from "./schema/users.ts";
import { wayOutOf } from "../shared/networks.ts";

export type { SigningIn } from "./accounts/users.ts";

const BUCKETS_TABLE = "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, tat_ms REAL NOT NULL) STRICT, WITHOUT ROWID;";

/** Tries that fail to sign in as one user from one address, in ten minutes. */
const TRIES_OF_USER = { limit: 10, windowMs: 600_000 };
const TRIES_OF_ADDRESS = { limit: 100, windowMs: 600_000 };
/** Those that succeed count here: whoever knows one password must not keep all others out. */
const SIGN_INS_OF_USER = { limit: 100, windowMs: 600_000 };
/** Each try is a tenth of a second of work, and anyone may ask for it. */
const TRIES_OF_ALL = { limit: 50, windowMs: 10_000 };

/**
 * What no tenant has for itself: people, which tenants there are, and where people belong. There is one object of this
 * class; requests with a credential do not come here.
 */
export class Accounts extends DurableObject {
  readonly #tenants: Tenants;
  readonly #users: Users;
  readonly #gates: Gates;
  readonly #signing: SigningKeys;
  readonly #issuers = new JwksCache();
  #flushing = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    sql.exec(TENANTS_TABLE + USERS_TABLE + SIGNING_TABLE + BUCKETS_TABLE);
    this.#tenants = new Tenants(sql);
    this.#users = new Users(sql);
    this.#gates = new Gates(sql);
    this.#signing = new SigningKeys(sql);
  }

  tenantOf(tag: string): string | undefined {
    return this.#tenants.byTag(tag);
  }

  tagOf(tenant: string): string {
    return this.#tenants.tagOf(tenant, Date.now());
  }

  createTenant(name: string, displayName: string, tier: string, nowMs: number): Tenant {
    return this.#tenants.create(name, displayName, tier, nowMs);
  }
  getTenant(name: string): Tenant {
    return this.#tenants.get(name);
  }
  updateTenant(
    name: string,
    changes: { displayName?: string | undefined; tier?: string | undefined; disabled?: boolean | undefined },
  ): Tenant {
    return this.#tenants.update(name, changes);
  }
  listTenants(limit: number, cursor: string | undefined): { items: Tenant[]; cursor?: string } {
    return this.#tenants.list(limit, cursor);
  }

  /** @param home the tenant that looks after the user, and that they belong to */
  createUser(email: string, name: string, passwordHash: string | undefined, home: string | undefined, nowMs: number): User {
    return this.ctx.storage.transactionSync(() => {
      const user = this.#users.create(email, name, passwordHash, home, nowMs);
      if (home !== undefined) this.#users.join(user.id, home);
      return user;
    });
  }
  getUser(id: string): User {
    return this.#users.get(id);
  }
  listUsers(home: string | undefined, limit: number, cursor: string | undefined): { items: User[]; cursor?: string } {
    return this.#users.list(home, limit, cursor);
  }
  updateUser(id: string, changes: { name?: string | undefined; email?: string | undefined; disabled?: boolean | undefined }): User {
    return this.#users.update(id, changes);
  }
  deleteUser(id: string): void {
    this.#users.delete(id);
  }
  setPasswordHash(id: string, hash: string): void {
    this.#users.setPassword(id, hash);
  }
  passwordHashOf(id: string): string | null {
    return this.#users.passwordOf(id);
  }
  tenantsOf(userId: string): string[] {
    return this.#users.tenantsOf(userId);
  }
  join(userId: string, tenant: string): void {
    this.#users.join(userId, tenant);
  }
  leave(userId: string, tenant: string): void {
    this.#users.leave(userId, tenant);
  }

  jwks(nowMs: number): Promise<{ keys: JWK[] }> {
    return this.#signing.jwks(nowMs);
  }
  signToken(claims: Record<string, unknown>, nowMs: number): Promise<string> {
    return this.#signing.sign(claims, nowMs);
  }
  rotateSigningKey(endsMs: number, nowMs: number): Promise<{ kid: string; previous: string }> {
    return this.#signing.rotate(endsMs, nowMs);
  }

  /** The public keys of another issuer, of the configuration. @throws DoError UNAVAILABLE */
  async jwksOf(url: string, kid: string | undefined): Promise<JWK[]> {
    const { loopbackOrigins } = configOf(this.env.DO_CONFIG);
    return [...(await this.#issuers.keys(url, kid, { egress: wayOutOf(this.env, loopbackOrigins), loopbackOrigins, now: Date.now }))];
  }

  /**
   * Counts a try, and says what there is to compare with, if there is such a user.
   * @throws DoError RATE_LIMITED, the same whether there is or not
   */
  beginSignIn(email: string, address: string | undefined, nowMs: number): SigningIn | undefined {
    const { ofUser, ofAddress, others } = bucketsFor(email, address);
    const { admitted, retryAfterMs } = this.#gates.take([ofUser, ...ofAddress, ...others], 1, nowMs);
    this.#flushLater();
    if (admitted) return this.#users.signingIn(email);
    throw new DoError("RATE_LIMITED", "Cannot sign in: too many tries", { reason: "SIGN_IN", retryAfterMs });
  }

  /** Who was right has not guessed: it does not count against them. */
  endSignIn(email: string, address: string | undefined): void {
    const { ofUser, ofAddress } = bucketsFor(email, address);
    for (const bucket of [ofUser, ...ofAddress]) this.#gates.giveBack(bucket, 1);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#flushing || !this.#gates.isDirty) return;
    this.#flushing = true;
    this.ctx.waitUntil(
      scheduler.wait(FLUSH_MS).then(() => {
        this.#flushing = false;
        this.#gates.flush(Date.now());
      }),
    );
  }
}

function bucketsFor(email: string, address: string | undefined) {
  return {
    ofUser: { name: "sign-in", key: `e:${email.toLowerCase()}:${address ?? ""}`, ...TRIES_OF_USER },
    ofAddress: address === undefined ? [] : [{ name: "address", key: `a:${address}`, ...TRIES_OF_ADDRESS }],
    others: [
      { name: "user", key: `s:${email.toLowerCase()}`, ...SIGN_INS_OF_USER },
      { name: "all", key: "all", ...TRIES_OF_ALL },
    ],
  };
}

export function accountsOf(env: Cloudflare.Env): Remote<Accounts> {
  return env.ACCOUNTS.getByName("accounts");
}
