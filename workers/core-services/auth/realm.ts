import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import { once, type OnceKey } from "../shared/once.ts";
import { accountsOf } from "./accounts.ts";
import { isPlatform, type Actor, type By } from "./actor.ts";
import { configOf } from "./config.ts";
import { Audit, type AuditFilter } from "./realm/audit.ts";
import { Entrance, type Entry, type Presented } from "./realm/entrance.ts";
import { FLUSH_MS, Gates } from "./realm/gates.ts";
import { Keys, type KeyRow, type NewKey } from "./realm/keys.ts";
import { noRole, Rights } from "./realm/rights.ts";
import { CREATE_TABLES } from "./realm/tables.ts";
import type { AuditEntry } from "./schema/audit.ts";
import type { ApiKey, KeyChanges } from "./schema/keys.ts";
import type { Role } from "./schema/roles.ts";
import type { Remote } from "./remote.ts";
import { beyond } from "./scopes.ts";

export interface PageOf<T> {
  items: T[];
  cursor?: string;
}

/**
 * Who may act in one tenant: its keys, roles, grants, its audit trail, and how much each principal has used. One object
 * for each tenant, so that what it decides holds everywhere at once: what is revoked here is refused on the next request.
 */
export class Realm extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #keys: Keys;
  readonly #rights: Rights;
  readonly #audit: Audit;
  readonly #gates: Gates;
  readonly #entrance: Entrance;
  #flushing = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(CREATE_TABLES);
    this.#keys = new Keys(this.#sql);
    this.#rights = new Rights(this.#sql);
    this.#audit = new Audit(this.#sql);
    this.#gates = new Gates(this.#sql);
    this.#entrance = new Entrance({
      keys: this.#keys,
      rights: this.#rights,
      audit: this.#audit,
      gates: this.#gates,
      tiers: () => configOf(env.DO_CONFIG).tiers,
      setting: (name) => this.#setting(name),
    });
  }

  /** Verifies what was presented and takes one from the rates, in one step: what every request begins with. */
  enter(presented: Presented, nowMs: number): Entry {
    const entry = this.#entrance.enter(presented, nowMs);
    this.#flushLater();
    return entry;
  }

  /** A place among the executions that run. @throws DoError LIMIT_EXCEEDED */
  acquire(principalId: string, concurrent: number, tenantConcurrent: number | null, untilMs: number, nowMs: number): number {
    const places = [
      { key: `p:${principalId}`, most: concurrent },
      ...(tenantConcurrent === null ? [] : [{ key: "t", most: tenantConcurrent }]),
    ];
    const lease = this.#gates.acquire(places, untilMs, nowMs);
    if (typeof lease === "number") return lease;
    const whose = lease.full === "t" ? "the tenant" : "this principal";
    throw new DoError("LIMIT_EXCEEDED", `Cannot run code: at most ${lease.most} executions of ${whose} may run at a time`, {
      reason: lease.full === "t" ? "TENANT_CONCURRENT" : "CONCURRENT",
      retryable: true,
      retryAfterMs: 1_000,
      details: { most: lease.most },
    });
  }

  release(lease: number): void {
    this.#gates.release(lease);
  }

  async createApiKey(actor: Actor, key: NewKey, nowMs: number, onceKey: OnceKey | undefined): Promise<ApiKey & { key: string }> {
    const tag = await this.#tag();
    return this.#onceWithSecret(onceKey, nowMs, () => {
      this.#mayHandOn(actor, key.permissions);
      this.#mayGiveTier(actor, key.tier);
      const made = this.#keys.create(tag, { ...key, tier: key.tier ?? this.#tierFor(actor) }, nowMs);
      this.#note(actor, "key.created", made.id, nowMs, { name: made.name, permissions: made.permissions });
      return made;
    });
  }

  listApiKeys(limit: number, cursor: string | undefined, ownerId: string | undefined): PageOf<ApiKey> {
    return this.#keys.list(limit, cursor, ownerId);
  }

  getApiKey(id: string): ApiKey {
    return this.#keys.toApiKey(this.#key(id));
  }

  updateApiKey(actor: Actor, id: string, changes: KeyChanges, nowMs: number): ApiKey {
    const row = this.#liveKey(id);
    // To switch a key off takes nothing that the key holds; anything else could make it stronger than who changes it.
    const isOnlyDisabling = changes.disabled === true && Object.keys(changes).length === 1;
    if (!isOnlyDisabling) this.#mayHandOn(actor, [...this.#heldBy(row), ...(changes.permissions ?? [])]);
    const { meta: _, ...shown } = changes;
    this.#changed();
    this.#note(actor, "key.updated", id, nowMs, shown);
    return this.#keys.update(row, changes, nowMs);
  }

  revokeApiKey(actor: Actor, id: string, nowMs: number): { revoked: boolean } {
    this.#key(id);
    const revoked = this.#keys.revoke(id, nowMs);
    this.#changed();
    if (revoked) this.#note(actor, "key.revoked", id, nowMs);
    return { revoked };
  }

  async rotateApiKey(
    actor: Actor,
    id: string,
    overlapMs: number,
    nowMs: number,
    onceKey: OnceKey | undefined,
  ): Promise<ApiKey & { key: string }> {
    const tag = await this.#tag();
    return this.#onceWithSecret(onceKey, nowMs, () => {
      const row = this.#liveKey(id);
      // Its text is the right to all that it holds.
      this.#mayHandOn(actor, this.#heldBy(row));
      this.#mayGiveTier(actor, row.tier ?? undefined);
      const made = this.#keys.rotate(tag, row, nowMs + overlapMs, nowMs);
      this.#rights.copy(id, made.id);
      this.#changed();
      this.#note(actor, "key.rotated", id, nowMs, { to: made.id, overlapSeconds: overlapMs / 1_000 });
      return made;
    });
  }

  createRole(actor: Actor, name: string, permissions: readonly string[], description: string, nowMs: number): Role {
    this.#mayHandOn(actor, permissions);
    const role = this.#rights.create(name, permissions, description, nowMs);
    this.#note(actor, "role.created", name, nowMs, { permissions: role.permissions });
    return role;
  }

  updateRole(
    actor: Actor,
    name: string,
    changes: { permissions?: string[] | undefined; description?: string | undefined },
    nowMs: number,
  ): Role {
    this.#rights.own(name);
    this.#mayHandOn(actor, changes.permissions ?? []);
    const role = this.#rights.update(name, changes.permissions, changes.description);
    this.#changed();
    this.#note(actor, "role.updated", name, nowMs, { permissions: role.permissions });
    return role;
  }

  listRoles(): Role[] {
    return this.#rights.list();
  }

  deleteRole(actor: Actor, name: string, nowMs: number): { deleted: boolean } {
    const deleted = this.#rights.delete(name);
    this.#changed();
    if (deleted) this.#note(actor, "role.deleted", name, nowMs);
    return { deleted };
  }

  assignRole(actor: Actor, role: string, subject: string, nowMs: number): { changed: boolean } {
    if (!this.#rights.find(role)) throw noRole(role);
    this.#mayHandOn(actor, this.#rights.permissionsOf(role));
    return this.#give(actor, "role.assigned", subject, { role }, nowMs, () => this.#rights.assign(subject, role));
  }

  unassignRole(actor: Actor, role: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#give(actor, "role.unassigned", subject, { role }, nowMs, () => this.#rights.unassign(subject, role));
  }

  grantPermission(actor: Actor, permission: string, subject: string, nowMs: number): { changed: boolean } {
    this.#mayHandOn(actor, [permission]);
    return this.#give(actor, "permission.granted", subject, { permission }, nowMs, () => this.#rights.grant(subject, permission));
  }

  revokePermission(actor: Actor, permission: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#give(actor, "permission.revoked", subject, { permission }, nowMs, () => this.#rights.revoke(subject, permission));
  }

  getRights(subject: string): { subject: string; roles: string[]; permissions: string[]; effective: string[] } {
    this.#subject(subject);
    return {
      subject,
      roles: this.#rights.rolesOf(subject),
      permissions: this.#rights.grantsOf(subject),
      effective: this.#entrance.effectiveOf(subject),
    };
  }

  listAudit(filter: AuditFilter): PageOf<AuditEntry> {
    return this.#audit.list(filter);
  }

  /** For acts that are decided elsewhere: a denied permission, a sign-in that failed. */
  noteOften(by: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    this.#audit.appendOften(by, action, object, nowMs, details);
  }

  #note(by: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    this.#audit.append(by, action, object, nowMs, details);
  }

  #give(
    actor: Actor,
    action: string,
    subject: string,
    details: Record<string, unknown>,
    nowMs: number,
    write: () => boolean,
  ): { changed: boolean } {
    this.#subject(subject);
    const changed = write();
    this.#changed();
    if (changed) this.#note(actor, action, subject, nowMs, details);
    return { changed };
  }

  /** @throws DoError PERMISSION_DENIED: nobody can give what they do not hold */
  #mayHandOn({ scopes }: Actor, permissions: readonly string[]): void {
    const over = beyond(scopes, permissions);
    if (over.length === 0) return;
    throw new DoError("PERMISSION_DENIED", `Cannot hand on ${over.slice(0, 5).join(", ")}: you do not hold it`, {
      reason: "BEYOND_GRANTS",
      details: { beyond: over.slice(0, 100) },
    });
  }

  #mayGiveTier(actor: Actor, tier: string | undefined): void {
    if (tier === undefined || tier === actor.tier || isPlatform(actor)) {
      if (tier === undefined || configOf(this.env.DO_CONFIG).tiers.has(tier)) return;
      throw new DoError("INVALID_ARGUMENT", `Cannot use tier "${tier}": it is not defined`, { reason: "UNKNOWN_TIER" });
    }
    throw new DoError("PERMISSION_DENIED", `Cannot use tier "${tier}": yours is "${actor.tier}"`, { reason: "BEYOND_GRANTS" });
  }

  /** A tenant that was made by the operator has a tier; in any other, a key gets that of who makes it. */
  #tierFor(actor: Actor): string | undefined {
    return this.#setting("tier") === undefined ? actor.tier : undefined;
  }

  #heldBy(row: KeyRow): string[] {
    return [...(JSON.parse(row.permissions) as string[]), ...this.#rights.of(row.id)];
  }

  #key(id: string): KeyRow {
    const row = this.#keys.row(id);
    if (!row) throw new DoError("NOT_FOUND", "There is no such key in this tenant", { reason: "KEY_NOT_FOUND" });
    return row;
  }

  #liveKey(id: string): KeyRow {
    const row = this.#key(id);
    if (row.revoked_ms === null) return row;
    throw new DoError("CONFLICT", "Cannot change the key: it is revoked", { reason: "KEY_REVOKED" });
  }

  #subject(subject: string): void {
    if (!this.#keys.row(subject)) {
      throw new DoError("NOT_FOUND", `There is no ${subject.slice(0, 64)} in this tenant`, { reason: "SUBJECT_NOT_FOUND" });
    }
  }

  #setting(name: string): string | undefined {
    return this.#sql.exec<{ value: string }>("SELECT value FROM settings WHERE name = ?", name).toArray()[0]?.value;
  }

  /** What the texts of this tenant's credentials begin with. */
  async #tag(): Promise<string> {
    const known = this.#setting("tag");
    if (known !== undefined) return known;
    const { name } = this.ctx.id;
    if (name === undefined) throw new DoError("INTERNAL", "A Realm without a name");
    const tag = await accountsOf(this.env).tagOf(name);
    this.#sql.exec("INSERT OR REPLACE INTO settings VALUES ('tag', ?)", tag);
    return tag;
  }

  /** What was known of credentials may be other from here on. */
  #changed(): void {
    this.#entrance.forget();
  }

  /** Once per key; an answer with a secret is given once and kept without it. */
  #onceWithSecret<T extends { id: string }>(key: OnceKey | undefined, nowMs: number, write: () => T): T {
    let made: T | undefined;
    const { id } = once(this.#sql, key, nowMs, () => {
      made = this.ctx.storage.transactionSync(write);
      return { id: made.id };
    });
    if (made) return made;
    throw new DoError("CONFLICT", `This idempotency key has made ${id} already, and its secret is shown once`, {
      reason: "SECRET_SHOWN_ONCE",
      details: { id },
    });
  }

  /** Counts go to disk in the background: no answer waits for it, and a crash forgets half a second of them. */
  #flushLater(): void {
    if (this.#flushing || !this.#entrance.isDirty) return;
    this.#flushing = true;
    this.ctx.waitUntil(
      scheduler.wait(FLUSH_MS).then(() => {
        this.#flushing = false;
        this.#entrance.flush(Date.now());
      }),
    );
  }
}

/** The Realm of a tenant. */
export function realmOf(env: Cloudflare.Env, tenant: string): Remote<Realm> {
  return env.REALM.getByName(tenant);
}
