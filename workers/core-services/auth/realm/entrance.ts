import { isInNetworks } from "../address.ts";
import { PLATFORM_TENANT, type By } from "../actor.ts";
import type { RateState } from "../gcra.ts";
import type { RateLimit } from "../schema/keys.ts";
import { intersect, simplify } from "../scopes.ts";
import type { Tiers } from "../tiers.ts";
import type { RealmCore } from "./core.ts";
import type { Bucket } from "./gates.ts";
import type { KeyRow } from "./keys.ts";
import type { SessionRow } from "./sessions.ts";

interface Circumstances {
  readonly address: string | undefined;
  readonly requestId: string;
  /** What the request takes from its rates and credits; 0 only looks. */
  readonly cost: number;
}

/** What a request comes with, its text already turned into an id and a hash. */
export type Presented =
  | (Circumstances & { readonly kind: "key" | "session"; readonly id: string; readonly hash: string })
  /** Something that was made from a credential, and is worth what that is now, within its own scopes. */
  | (Circumstances & { readonly kind: "derived"; readonly id: string; readonly source: string; readonly scopes: readonly string[] })
  /** Work that was left to be done, on behalf of a key or user: worth what that is now, within these scopes. */
  | {
      readonly kind: "sponsored";
      readonly source: string;
      readonly scopes: readonly string[];
      readonly requestId: string;
      readonly cost: 0;
    }
  /** Somebody whom the host knows already, by a binding's props or another issuer's token: only the rates are asked for. */
  | { readonly kind: "known"; readonly id: string; readonly tier: string; readonly cost: number };

/** What a credential turned out to stand for. */
export interface Identity {
  readonly kind: "root" | "key" | "user";
  readonly id: string;
  readonly tier: string;
  /** All that it grants now: of itself, its roles, its owner, its tier. */
  readonly scopes: string[];
  readonly credentialId: string;
  readonly expiresMs?: number;
  readonly ownerId?: string;
  readonly creditsRemaining?: number;
}

/** Why nobody came in. `unknown` is also the answer to who holds the id and not the secret. */
export type Refusal =
  | "unknown"
  | "expired"
  | "revoked"
  | "disabled"
  | "tenant-disabled"
  | "owner-gone"
  | "address"
  | "rate"
  | "credits"
  | "tier";

export interface Entry {
  readonly refusal?: Refusal;
  readonly identity?: Identity;
  readonly rates: RateState[];
  readonly retryAfterMs: number;
}

const MINUTE_MS = 60_000;
const MAX_KNOWN = 5_000;
/** The tier of a user who is in no tenant. */
const PERSONAL_TIER = "public";
const encoder = new TextEncoder();

/** What each request of a subject needs, worked out once after each change. */
interface Known {
  readonly identity: Identity;
  readonly rates: readonly RateLimit[];
  readonly addresses: readonly string[];
  readonly hasCredits: boolean;
  readonly isOwnerGone: boolean;
}

/** Decides about each request of a tenant, without writing when it need not. */
export class Entrance {
  readonly #core: RealmCore;
  readonly #tiers: () => Tiers;
  readonly #known = new Map<string, Known>();
  readonly #lastUses = new Map<string, number>();

  constructor(core: RealmCore, tiers: () => Tiers) {
    this.#core = core;
    this.#tiers = tiers;
  }

  enter(presented: Presented, nowMs: number): Entry {
    switch (presented.kind) {
      case "known":
        return this.#enterKnown(presented, nowMs);
      case "derived":
        return this.#enterDerived(presented, nowMs);
      case "sponsored":
        return this.#enterSponsored(presented, nowMs);
      case "key":
        return this.#enterByKey(presented, nowMs);
      case "session":
        return this.#enterBySession(presented, nowMs);
    }
  }

  /** All that a key or member may do now. */
  effectiveOf(subject: string): string[] {
    const row = this.#core.keys.row(subject);
    if (row) return [...this.#knownKey(row).identity.scopes];
    return [...this.#knownUser(subject, false).identity.scopes];
  }

  /** After a change of keys, roles or grants: nothing that was worked out before counts. */
  forget(): void {
    this.#known.clear();
  }

  get isDirty(): boolean {
    return this.#core.gates.isDirty || this.#lastUses.size > 0;
  }

  flush(nowMs: number): void {
    this.#core.gates.flush(nowMs);
    this.#core.keys.noteLastUses(this.#lastUses);
    this.#lastUses.clear();
  }

  #enterByKey({ id, hash, ...circumstances }: Circumstances & { id: string; hash: string }, nowMs: number): Entry {
    const row = this.#core.keys.find(id, hash);
    if (!row) return this.#refuseUnknown(id, circumstances.requestId, nowMs);
    const refusal = this.#refusalOfKey(row, nowMs) ?? this.#refusalOfAddress(row, circumstances.address);
    if (refusal) return this.#refused(refusal, row.id, circumstances.requestId, nowMs);
    return this.#admitKey(row, circumstances, nowMs);
  }

  #refusalOfKey(row: KeyRow, nowMs: number): Refusal | undefined {
    if (row.revoked_ms !== null) return "revoked";
    if (row.expires_ms !== null && row.expires_ms <= nowMs) return "expired";
    if (row.disabled === 1) return "disabled";
    const { identity, isOwnerGone } = this.#knownKey(row);
    return isOwnerGone ? "owner-gone" : this.#refusalOfTenant(identity.tier);
  }

  #refusalOfAddress(row: KeyRow, address: string | undefined): Refusal | undefined {
    const { addresses } = this.#knownKey(row);
    // Without a known address, a list of addresses holds for none.
    return addresses.length > 0 && (address === undefined || !isInNetworks(address, addresses)) ? "address" : undefined;
  }

  #refusalOfTenant(tier: string): Refusal | undefined {
    if (this.#core.setting("disabled") === "1") return "tenant-disabled";
    return this.#tiers().has(tier) ? undefined : "tier";
  }

  #admitKey(row: KeyRow, { cost, requestId }: Circumstances, nowMs: number): Entry {
    const { identity, rates, hasCredits } = this.#knownKey(row);
    const { keys } = this.#core;
    const left = hasCredits ? keys.credits.leftAfter(row.lineage, cost, nowMs) : undefined;
    if (left !== undefined && left < 0) return this.#refused("credits", row.id, requestId, nowMs);
    // A key and what it is rotated to are counted as one.
    const taken = this.#takeRates(row.lineage, identity.tier, this.#ownBuckets(row, rates), cost, nowMs);
    if (taken.refusal) return taken;
    if (left !== undefined && cost > 0) keys.credits.spend(row.lineage, cost, nowMs);
    if (cost > 0) this.#lastUses.set(row.id, nowMs);
    if (row.first_used_ms === null && cost > 0) {
      keys.noteFirstUse(row.id, nowMs);
      this.#core.note(byOf(identity, requestId), "key.first-used", row.id, nowMs);
    }
    return { ...taken, identity: { ...identity, ...(left === undefined ? {} : { creditsRemaining: left }) } };
  }

  #enterBySession({ id, hash, ...circumstances }: Circumstances & { id: string; hash: string }, nowMs: number): Entry {
    const row = this.#core.sessions.row(id);
    if (!row || !crypto.subtle.timingSafeEqual(encoder.encode(row.access_hash), encoder.encode(hash))) {
      return { refusal: "unknown", rates: [], retryAfterMs: 0 };
    }
    const known = this.#knownUser(row.user_id, row.personal === 1);
    const refusal = this.#refusalOfSession(row, known, nowMs);
    if (refusal) return this.#refused(refusal, row.id, circumstances.requestId, nowMs);
    const entry = this.#admitUser(known, circumstances, nowMs);
    if (!entry.identity) return entry;
    return { ...entry, identity: { ...entry.identity, credentialId: row.id, expiresMs: Math.min(row.access_ends_ms, row.ends_ms) } };
  }

  #refusalOfSession(row: SessionRow, { identity, isOwnerGone }: Known, nowMs: number): Refusal | undefined {
    if (row.revoked_ms !== null) return "revoked";
    if (Math.min(row.access_ends_ms, row.ends_ms) <= nowMs) return "expired";
    return isOwnerGone ? "owner-gone" : this.#refusalOfTenant(identity.tier);
  }

  #enterKnown({ id, tier, cost }: { id: string; tier: string; cost: number }, nowMs: number): Entry {
    const refusal = this.#refusalOfTenant(tier);
    return refusal ? { refusal, rates: [], retryAfterMs: 0 } : this.#takeRates(id, tier, [], cost, nowMs);
  }

  #enterDerived(presented: Circumstances & { id: string; source: string; scopes: readonly string[] }, nowMs: number): Entry {
    const { id, source, scopes } = presented;
    if (this.#core.tokens.has(id)) return this.#refused("revoked", id, presented.requestId, nowMs);
    const entry = this.#enterBySource(source, presented, nowMs);
    if (!entry.identity) return entry;
    return { ...entry, identity: { ...entry.identity, scopes: intersect(entry.identity.scopes, scopes), credentialId: id } };
  }

  /** It comes from nowhere: of a key's addresses, where the work was asked for counted. A key goes on as what it was rotated to. */
  #enterSponsored(presented: { source: string; scopes: readonly string[]; requestId: string; cost: 0 }, nowMs: number): Entry {
    const { source, scopes, ...rest } = presented;
    const circumstances = { ...rest, address: undefined };
    const row = source.startsWith("key_") ? this.#core.keys.successor(source) : undefined;
    const refusal = row && this.#refusalOfKey(row, nowMs);
    if (row && refusal) return this.#refused(refusal, row.id, presented.requestId, nowMs);
    const entry = row ? this.#admitKey(row, circumstances, nowMs) : this.#enterBySource(source, circumstances, nowMs);
    if (!entry.identity) return entry;
    return { ...entry, identity: { ...entry.identity, scopes: intersect(entry.identity.scopes, scopes) } };
  }

  /** As what it was made from is let in now, though its own secret is not here. */
  #enterBySource(source: string, circumstances: Circumstances, nowMs: number): Entry {
    const { keys, sessions, tenant } = this.#core;
    const nothing: Entry = { refusal: "revoked", rates: [], retryAfterMs: 0 };
    if (source === "root" && tenant === PLATFORM_TENANT) {
      const identity: Identity = { kind: "root", id: "root", tier: "internal", scopes: ["*"], credentialId: "root" };
      return { identity, rates: [], retryAfterMs: 0 };
    }
    if (source.startsWith("key_")) {
      const row = keys.row(source);
      if (!row) return nothing;
      const refusal = this.#refusalOfKey(row, nowMs) ?? this.#refusalOfAddress(row, circumstances.address);
      return refusal ? this.#refused(refusal, row.id, circumstances.requestId, nowMs) : this.#admitKey(row, circumstances, nowMs);
    }
    if (source.startsWith("usr_")) {
      const known = this.#knownUser(source, source === tenant);
      const refusal = known.isOwnerGone ? "owner-gone" : this.#refusalOfTenant(known.identity.tier);
      return refusal ? this.#refused(refusal, source, circumstances.requestId, nowMs) : this.#admitUser(known, circumstances, nowMs);
    }
    const row = sessions.row(source);
    if (!row) return nothing;
    const known = this.#knownUser(row.user_id, row.personal === 1);
    // The session's own access token may have been replaced since: the session goes on.
    const refusal = this.#refusalOfSession({ ...row, access_ends_ms: row.ends_ms }, known, nowMs);
    return refusal ? this.#refused(refusal, row.id, circumstances.requestId, nowMs) : this.#admitUser(known, circumstances, nowMs);
  }

  #admitUser({ identity }: Known, { cost }: Circumstances, nowMs: number): Entry {
    const taken = this.#takeRates(identity.id, identity.tier, [], cost, nowMs);
    return taken.refusal ? taken : { ...taken, identity };
  }

  #takeRates(countedAs: string, tierName: string, own: readonly Bucket[], cost: number, nowMs: number): Entry {
    const tier = this.#tiers().get(tierName);
    if (!tier) return { refusal: "tier", rates: [], retryAfterMs: 0 };
    const buckets = [
      ...perMinute("principal", `p:${countedAs}`, tier.perMinute),
      ...perMinute("tenant", "t", tier.tenantPerMinute),
      ...own,
    ];
    const { admitted, retryAfterMs, states } = this.#core.gates.take(buckets, cost, nowMs);
    return { ...(admitted ? {} : { refusal: "rate" as const }), rates: states, retryAfterMs };
  }

  #ownBuckets({ lineage }: KeyRow, rates: readonly RateLimit[]): Bucket[] {
    return rates.map(({ name, limit, windowMs }) => ({ name: `key-${name}`, key: `k:${lineage}:${name}`, limit, windowMs }));
  }

  #remember(id: string, workOut: () => Known): Known {
    const known = this.#known.get(id);
    if (known) return known;
    const made = workOut();
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(id, made);
    return made;
  }

  #knownKey(row: KeyRow): Known {
    return this.#remember(row.id, () => {
      const { keys, rights } = this.#core;
      const tierName = row.tier ?? this.#core.tier;
      const held = simplify([...(JSON.parse(row.permissions) as string[]), ...rights.of(row.id)]);
      const owner = row.owner_id === null ? undefined : this.#knownUser(row.owner_id, row.owner_id === this.#core.tenant);
      const scopes = intersect(held, this.#tiers().get(tierName)?.scopes ?? []);
      return {
        identity: {
          kind: "key",
          id: row.id,
          tier: tierName,
          // What its owner has lost, it has lost.
          scopes: owner ? intersect(scopes, owner.identity.scopes) : scopes,
          credentialId: row.id,
          ...(row.expires_ms === null ? {} : { expiresMs: row.expires_ms }),
          ...(row.owner_id === null ? {} : { ownerId: row.owner_id }),
        },
        rates: JSON.parse(row.rate_limits) as RateLimit[],
        addresses: JSON.parse(row.addresses) as string[],
        hasCredits: keys.credits.get(row.lineage) !== undefined,
        isOwnerGone: owner?.isOwnerGone ?? false,
      };
    });
  }

  /** @param isPersonal in the Realm that is theirs alone, where they hold what its tier has */
  #knownUser(userId: string, isPersonal: boolean): Known {
    return this.#remember(userId, () => {
      const tierName = isPersonal ? PERSONAL_TIER : this.#core.tier;
      const held = isPersonal ? ["*"] : this.#core.rights.of(userId);
      return {
        identity: {
          kind: "user",
          id: userId,
          tier: tierName,
          scopes: intersect(held, this.#tiers().get(tierName)?.scopes ?? []),
          credentialId: userId,
        },
        rates: [],
        addresses: [],
        hasCredits: false,
        isOwnerGone: (!isPersonal && !this.#core.members.has(userId)) || this.#core.members.isBlocked(userId),
      };
    });
  }

  #refuseUnknown(id: string, requestId: string, nowMs: number): Entry {
    // Only of keys that there are: what somebody makes up must not fill the trail.
    if (this.#core.keys.row(id)) {
      this.#core.audit.appendOften({ kind: "anonymous", id: "anonymous", requestId }, "key.refused", id, nowMs, { why: "wrong-secret" });
    }
    return { refusal: "unknown", rates: [], retryAfterMs: 0 };
  }

  #refused(refusal: Refusal, id: string, requestId: string, nowMs: number): Entry {
    const kind = id.startsWith("key_") ? "key" : id.startsWith("tok_") ? "token" : "session";
    this.#core.audit.appendOften({ kind, id, requestId }, `${kind}.refused`, id, nowMs, { why: refusal });
    return { refusal, rates: [], retryAfterMs: 0 };
  }
}

function byOf({ kind, id }: Identity, requestId: string): By {
  return { kind, id, requestId };
}

function perMinute(name: string, key: string, limit: number | null): Bucket[] {
  return limit === null ? [] : [{ name, key, limit, windowMs: MINUTE_MS }];
}
