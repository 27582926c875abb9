import { DoError } from "../../../../sdk/src/errors.ts";
import { once, type OnceKey } from "../../shared/once.ts";
import { isPlatform, PLATFORM_TENANT, type Actor, type By } from "../actor.ts";
import { beyond, intersect } from "../scopes.ts";
import type { Tiers } from "../tiers.ts";
import { Audit } from "./audit.ts";
import { Entrance } from "./entrance.ts";
import { Gates } from "./gates.ts";
import { Keys } from "./keys.ts";
import { Members } from "./members.ts";
import { Rights } from "./rights.ts";
import { Sessions } from "./sessions.ts";
import { RevokedTokens } from "./revoked-tokens.ts";
import { CREATE_TABLES } from "./tables.ts";

export interface RealmOptions {
  readonly storage: DurableObjectStorage;
  readonly tenant: string;
  readonly tiers: () => Tiers;
  /** Asks which tag the tenant's credentials begin with. */
  readonly askTag: () => Promise<string>;
}

/** What the acts of a Realm have in common: its stores, who may hand on what, and the trail. */
export class RealmCore {
  readonly tenant: string;
  readonly keys: Keys;
  readonly rights: Rights;
  readonly members: Members;
  readonly sessions: Sessions;
  readonly tokens: RevokedTokens;
  readonly audit: Audit;
  readonly gates: Gates;
  readonly entrance: Entrance;
  readonly #storage: DurableObjectStorage;
  readonly #tiers: () => Tiers;
  readonly #askTag: () => Promise<string>;
  #settings: Map<string, string> | undefined;

  constructor({ storage, tenant, tiers, askTag }: RealmOptions) {
    const { sql } = storage;
    sql.exec(CREATE_TABLES);
    this.tenant = tenant;
    this.#storage = storage;
    this.#tiers = tiers;
    this.#askTag = askTag;
    this.keys = new Keys(sql);
    this.rights = new Rights(sql);
    this.members = new Members(sql, this.rights);
    this.sessions = new Sessions(sql);
    this.tokens = new RevokedTokens(sql);
    this.audit = new Audit(sql);
    this.gates = new Gates(sql);
    this.entrance = new Entrance(this, tiers);
  }

  note(by: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    this.audit.append(by, action, object, nowMs, details);
  }

  /** What was known of credentials may be other from here on. */
  changed(): void {
    this.entrance.forget();
  }

  /**
   * What is given counts within the tenant's tier: `*` is all that the tier has, for who holds all of that.
   * @throws DoError PERMISSION_DENIED: nobody can give what they do not hold
   */
  mayHandOn({ scopes }: Actor, permissions: readonly string[]): void {
    const ofTier = this.#tiers().get(this.tier)?.scopes ?? [];
    const over = permissions.filter(
      (permission) => beyond(scopes, [permission]).length > 0 && isBeyond(scopes, intersect([permission], ofTier)),
    );
    if (over.length === 0) return;
    throw new DoError("PERMISSION_DENIED", `Cannot hand on ${over.slice(0, 5).join(", ")}: you do not hold it`, {
      reason: "BEYOND_GRANTS",
      details: { beyond: over.slice(0, 100) },
    });
  }

  /** @throws DoError PERMISSION_DENIED, INVALID_ARGUMENT */
  mayGiveTier(actor: Actor, tier: string | undefined): void {
    if (tier === undefined || tier === actor.tier) return;
    if (!isPlatform(actor)) {
      throw new DoError("PERMISSION_DENIED", `Cannot use tier "${tier}": yours is "${actor.tier}"`, { reason: "BEYOND_GRANTS" });
    }
    if (!this.#tiers().has(tier)) {
      throw new DoError("INVALID_ARGUMENT", `Cannot use tier "${tier}": it is not defined`, { reason: "UNKNOWN_TIER" });
    }
  }

  /** The tier of the tenant's members, and of its keys that have none of their own. */
  get tier(): string {
    return this.setting("tier") ?? (this.tenant === PLATFORM_TENANT ? "internal" : "tenant");
  }

  setting(name: string): string | undefined {
    this.#settings ??= new Map(
      this.#storage.sql
        .exec<{ name: string; value: string }>("SELECT name, value FROM settings")
        .toArray()
        .map(({ name: key, value }) => [key, value]),
    );
    return this.#settings.get(name);
  }

  set(name: string, value: string): void {
    this.#settings = undefined;
    this.#storage.sql.exec("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value);
  }

  /** What the texts of this tenant's credentials begin with. */
  async tag(): Promise<string> {
    const known = this.setting("tag");
    if (known !== undefined) return known;
    const tag = await this.#askTag();
    this.set("tag", tag);
    return tag;
  }

  /** All of it or nothing. */
  whole<T>(write: () => T): T {
    try {
      return this.#storage.transactionSync(write);
    } catch (error) {
      // What was read meanwhile may be of what is undone.
      this.keys.forget();
      this.#settings = undefined;
      this.changed();
      throw error;
    }
  }

  /** Once per key; an answer with a secret is given once and kept without it. */
  onceWithSecret<T extends { id: string }>(key: OnceKey | undefined, nowMs: number, write: () => T): T {
    let made: T | undefined;
    const { id } = this.whole(() =>
      once(this.#storage.sql, key, nowMs, () => {
        made = write();
        return { id: made.id };
      }),
    );
    if (made) return made;
    throw new DoError("CONFLICT", `This idempotency key has made ${id} already, and its secret is shown once`, {
      reason: "SECRET_SHOWN_ONCE",
      details: { id },
    });
  }
}

/** What the tier has nothing of may become something when the tier is another: it is not given either. */
function isBeyond(scopes: readonly string[], given: readonly string[]): boolean {
  return given.length === 0 || beyond(scopes, given).length > 0;
}
