import { isInNetworks } from "../address.ts";
import type { By } from "../actor.ts";
import type { RateState } from "../gcra.ts";
import { intersect, simplify } from "../scopes.ts";
import type { Tiers } from "../tiers.ts";
import type { RateLimit } from "../schema/keys.ts";
import type { Audit } from "./audit.ts";
import type { Bucket, Gates } from "./gates.ts";
import type { KeyRow, Keys } from "./keys.ts";
import type { Rights } from "./rights.ts";

/** What a request comes with, its text already turned into an id and a hash. */
export type Presented =
  | {
      readonly kind: "key";
      readonly id: string;
      readonly hash: string;
      readonly address: string | undefined;
      readonly cost: number;
      readonly requestId: string;
    }
  /** Somebody whom the host knows already, by a binding's props: only the rates are asked for. */
  | { readonly kind: "known"; readonly id: string; readonly tier: string; readonly cost: number };

/** What a credential turned out to stand for. */
export interface Identity {
  readonly kind: "key" | "user";
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

export interface EntranceDeps {
  readonly keys: Keys;
  readonly rights: Rights;
  readonly audit: Audit;
  readonly gates: Gates;
  readonly tiers: () => Tiers;
  readonly setting: (name: string) => string | undefined;
}

const MINUTE_MS = 60_000;
const MAX_KNOWN = 5_000;

/** What each request of a key needs, worked out once after each change. */
interface Known {
  readonly identity: Identity;
  readonly rates: readonly RateLimit[];
  readonly addresses: readonly string[];
  readonly hasCredits: boolean;
}

/** Decides about each request of a tenant, without writing when it need not. */
export class Entrance {
  readonly #deps: EntranceDeps;
  readonly #known = new Map<string, Known>();
  readonly #lastUses = new Map<string, number>();

  constructor(deps: EntranceDeps) {
    this.#deps = deps;
  }

  enter(presented: Presented, nowMs: number): Entry {
    if (presented.kind === "known") return this.#takeRates(presented.id, presented.tier, [], presented.cost, nowMs);
    const row = this.#deps.keys.find(presented.id, presented.hash);
    if (!row) return this.#refuseUnknown(presented.id, presented.requestId, nowMs);
    const refusal = this.#refusalOf(row, presented.address, nowMs);
    if (refusal) return this.#refused(refusal, row.id, presented.requestId, nowMs);
    return this.#admit(row, presented.cost, presented.requestId, nowMs);
  }

  /** All that a key or user may do now. */
  effectiveOf(subject: string): string[] {
    const row = this.#deps.keys.row(subject);
    return row ? [...this.#knownOf(row).identity.scopes] : [];
  }

  /** After a change of keys, roles or grants: nothing that was worked out before counts. */
  forget(): void {
    this.#known.clear();
  }

  get isDirty(): boolean {
    return this.#deps.gates.isDirty || this.#lastUses.size > 0;
  }

  flush(nowMs: number): void {
    this.#deps.gates.flush(nowMs);
    this.#deps.keys.noteLastUses(this.#lastUses);
    this.#lastUses.clear();
  }

  #refusalOf(row: KeyRow, address: string | undefined, nowMs: number): Refusal | undefined {
    if (row.revoked_ms !== null) return "revoked";
    if (row.expires_ms !== null && row.expires_ms <= nowMs) return "expired";
    if (row.disabled === 1) return "disabled";
    if (this.#deps.setting("disabled") === "1") return "tenant-disabled";
    const { identity, addresses } = this.#knownOf(row);
    if (!this.#deps.tiers().has(identity.tier)) return "tier";
    // Without a known address, a list of addresses holds for none.
    if (addresses.length > 0 && (address === undefined || !isInNetworks(address, addresses))) return "address";
    return undefined;
  }

  #admit(row: KeyRow, cost: number, requestId: string, nowMs: number): Entry {
    const { identity, rates, hasCredits } = this.#knownOf(row);
    const { keys, audit } = this.#deps;
    const left = hasCredits ? keys.credits.leftAfter(row.lineage, cost, nowMs) : undefined;
    if (left !== undefined && left < 0) return this.#refused("credits", row.id, requestId, nowMs);
    const taken = this.#takeRates(identity.id, identity.tier, this.#ownBuckets(row, rates), cost, nowMs, row.lineage);
    if (taken.refusal) return taken;
    if (left !== undefined && cost > 0) keys.credits.spend(row.lineage, cost, nowMs);
    if (cost > 0) this.#lastUses.set(row.id, nowMs);
    if (row.first_used_ms === null && cost > 0) {
      keys.noteFirstUse(row.id, nowMs);
      audit.append(byOf(identity, requestId), "key.first-used", row.id, nowMs);
    }
    return { ...taken, identity: { ...identity, ...(left === undefined ? {} : { creditsRemaining: left }) } };
  }

  /** @param countedAs what a principal is counted under: a key and what it is rotated to are one */
  #takeRates(id: string, tierName: string, own: readonly Bucket[], cost: number, nowMs: number, countedAs = id): Entry {
    const tier = this.#deps.tiers().get(tierName);
    if (!tier) return { refusal: "tier", rates: [], retryAfterMs: 0 };
    const buckets = [
      ...perMinute("principal", `p:${countedAs}`, tier.perMinute),
      ...perMinute("tenant", "t", tier.tenantPerMinute),
      ...own,
    ];
    const { admitted, retryAfterMs, states } = this.#deps.gates.take(buckets, cost, nowMs);
    return { ...(admitted ? {} : { refusal: "rate" as const }), rates: states, retryAfterMs };
  }

  #ownBuckets({ lineage }: KeyRow, rates: readonly RateLimit[]): Bucket[] {
    return rates.map(({ name, limit, windowMs }) => ({ name: `key-${name}`, key: `k:${lineage}:${name}`, limit, windowMs }));
  }

  #knownOf(row: KeyRow): Known {
    const known = this.#known.get(row.id);
    if (known) return known;
    const made = this.#workOut(row);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(row.id, made);
    return made;
  }

  #workOut(row: KeyRow): Known {
    const { keys, rights, setting } = this.#deps;
    const tierName = row.tier ?? setting("tier") ?? "tenant";
    const held = simplify([...(JSON.parse(row.permissions) as string[]), ...rights.of(row.id)]);
    return {
      identity: {
        kind: "key",
        id: row.id,
        tier: tierName,
        scopes: intersect(held, this.#deps.tiers().get(tierName)?.scopes ?? []),
        credentialId: row.id,
        ...(row.expires_ms === null ? {} : { expiresMs: row.expires_ms }),
        ...(row.owner_id === null ? {} : { ownerId: row.owner_id }),
      },
      rates: JSON.parse(row.rate_limits) as RateLimit[],
      addresses: JSON.parse(row.addresses) as string[],
      hasCredits: keys.credits.get(row.lineage) !== undefined,
    };
  }

  #refuseUnknown(id: string, requestId: string, nowMs: number): Entry {
    // Only of keys that there are: what somebody makes up must not fill the trail.
    if (this.#deps.keys.row(id)) {
      this.#deps.audit.appendOften({ kind: "anonymous", id: "anonymous", requestId }, "key.refused", id, nowMs, { why: "wrong-secret" });
    }
    return { refusal: "unknown", rates: [], retryAfterMs: 0 };
  }

  #refused(refusal: Refusal, id: string, requestId: string, nowMs: number): Entry {
    this.#deps.audit.appendOften({ kind: "key", id, requestId }, "key.refused", id, nowMs, { why: refusal });
    return { refusal, rates: [], retryAfterMs: 0 };
  }
}

function byOf({ kind, id }: Identity, requestId: string): By {
  return { kind, id, requestId };
}

function perMinute(name: string, key: string, limit: number | null): Bucket[] {
  return limit === null ? [] : [{ name, key, limit, windowMs: MINUTE_MS }];
}
