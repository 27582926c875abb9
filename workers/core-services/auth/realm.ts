import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import type { OnceKey } from "../shared/once.ts";
import { accountsOf } from "./accounts.ts";
import type { Actor, By } from "./actor.ts";
import { configOf } from "./config.ts";
import type { AuditFilter } from "./realm/audit.ts";
import { RealmCore } from "./realm/core.ts";
import type { Entry, Presented } from "./realm/entrance.ts";
import { FLUSH_MS } from "./realm/gates.ts";
import { KeyActs } from "./realm/key-acts.ts";
import type { NewKey } from "./realm/keys.ts";
import { PeopleActs } from "./realm/people-acts.ts";
import { RoleActs } from "./realm/role-acts.ts";
import type { NewSession, SessionTokens } from "./realm/sessions.ts";
import type { Remote } from "./remote.ts";
import type { AuditEntry } from "./schema/audit.ts";
import type { ApiKey, KeyChanges } from "./schema/keys.ts";
import type { Role } from "./schema/roles.ts";
import type { Session } from "./schema/sessions.ts";
import type { Member } from "./schema/users.ts";

/** Of which an execution takes one each: of its principal, and of its tenant if that has a bound. */
interface PlacesAsked {
  readonly principalId: string;
  readonly concurrent: number;
  readonly tenantConcurrent: number | null;
  readonly untilMs: number;
}

interface PageOf<T> {
  items: T[];
  cursor?: string;
}

/**
 * Who may act in one tenant: its keys, members, sessions, roles, its audit trail, and how much each principal has used.
 * One object for each tenant, so that what it decides holds everywhere at once: what is revoked here is refused on the
 * next request. Called by the host alone; what is written here is who may call what of its parts.
 */
export class Realm extends DurableObject {
  readonly #core: RealmCore;
  readonly #keys: KeyActs;
  readonly #roles: RoleActs;
  readonly #people: PeopleActs;
  #flushing = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const { name } = ctx.id;
    if (name === undefined) throw new DoError("INTERNAL", "A Realm is found by the name of its tenant");
    this.#core = new RealmCore({
      storage: ctx.storage,
      tenant: name,
      tiers: () => configOf(env.DO_CONFIG).tiers,
      askTag: () => accountsOf(env).tagOf(name),
    });
    this.#keys = new KeyActs(this.#core);
    this.#roles = new RoleActs(this.#core);
    this.#people = new PeopleActs(this.#core, this.#roles);
  }

  /** Verifies what was presented and takes one from the rates, in one step: what every request begins with. */
  enter(presented: Presented, nowMs: number): Entry {
    const entry = this.#core.entrance.enter(presented, nowMs);
    this.#flushLater();
    return entry;
  }

  /** A place among the executions that run, once those that are given back are free. @throws DoError LIMIT_EXCEEDED */
  acquire({ principalId, concurrent, tenantConcurrent, untilMs }: PlacesAsked, givenBack: readonly number[], nowMs: number): number {
    this.release(givenBack);
    const places = [
      { key: `p:${principalId}`, most: concurrent },
      ...(tenantConcurrent === null ? [] : [{ key: "t", most: tenantConcurrent }]),
    ];
    const lease = this.#core.gates.acquire(places, untilMs, nowMs);
    if (typeof lease === "number") return lease;
    const whose = lease.full === "t" ? "the tenant" : "this principal";
    throw new DoError("LIMIT_EXCEEDED", `Cannot run code: at most ${lease.most} executions of ${whose} may run at a time`, {
      reason: lease.full === "t" ? "TENANT_CONCURRENT" : "CONCURRENT",
      retryable: true,
      retryAfterMs: 1_000,
      details: { most: lease.most },
    });
  }
  release(leases: readonly number[]): void {
    for (const lease of leases) this.#core.gates.release(lease);
  }

  createApiKey(actor: Actor, key: NewKey, nowMs: number, once: OnceKey | undefined): Promise<ApiKey & { key: string }> {
    return this.#keys.create(actor, key, nowMs, once);
  }
  listApiKeys(limit: number, cursor: string | undefined, ownerId: string | undefined): PageOf<ApiKey> {
    return this.#core.keys.list(limit, cursor, ownerId);
  }
  getApiKey(id: string): ApiKey {
    return this.#keys.get(id);
  }
  updateApiKey(actor: Actor, id: string, changes: KeyChanges, nowMs: number): ApiKey {
    return this.#keys.update(actor, id, changes, nowMs);
  }
  revokeApiKey(actor: Actor, id: string, nowMs: number): { revoked: boolean } {
    return this.#keys.revoke(actor, id, nowMs);
  }
  rotateApiKey(actor: Actor, id: string, overlapMs: number, nowMs: number, once: OnceKey | undefined): Promise<ApiKey & { key: string }> {
    return this.#keys.rotate(actor, id, overlapMs, nowMs, once);
  }

  createRole(actor: Actor, name: string, permissions: readonly string[], description: string, nowMs: number): Role {
    return this.#roles.create(actor, name, permissions, description, nowMs);
  }
  updateRole(
    actor: Actor,
    name: string,
    changes: { permissions?: string[] | undefined; description?: string | undefined },
    nowMs: number,
  ): Role {
    return this.#roles.update(actor, name, changes, nowMs);
  }
  listRoles(): Role[] {
    return this.#core.rights.list();
  }
  deleteRole(actor: Actor, name: string, nowMs: number): { deleted: boolean } {
    return this.#roles.delete(actor, name, nowMs);
  }
  assignRole(actor: Actor, role: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#roles.assign(actor, role, subject, nowMs);
  }
  unassignRole(actor: Actor, role: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#roles.unassign(actor, role, subject, nowMs);
  }
  grantPermission(actor: Actor, permission: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#roles.grant(actor, permission, subject, nowMs);
  }
  revokePermission(actor: Actor, permission: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#roles.revoke(actor, permission, subject, nowMs);
  }
  getRights(subject: string): { subject: string; roles: string[]; permissions: string[]; effective: string[] } {
    return this.#roles.rightsOf(subject);
  }

  mayAddMember(actor: Actor, roles: readonly string[]): void {
    this.#people.mayAdd(actor, roles);
  }
  addMember(actor: Actor, userId: string, email: string, roles: readonly string[], nowMs: number): Member {
    return this.#people.add(actor, userId, email, roles, nowMs);
  }
  listMembers(limit: number, cursor: string | undefined): PageOf<Member> {
    return this.#core.members.list(limit, cursor);
  }
  removeMember(by: By, userId: string, nowMs: number): { removed: boolean } {
    return this.#people.remove(by, userId, nowMs);
  }
  setBlocked(by: By, userId: string, blocked: boolean, nowMs: number): void {
    this.#people.setBlocked(by, userId, blocked, nowMs);
  }
  mayActAs(actor: Actor, userId: string): void {
    this.#people.mayActAs(actor, userId);
  }
  openSession(by: By, session: NewSession, nowMs: number): Promise<SessionTokens> {
    return this.#people.openSession(by, session, nowMs);
  }
  refreshSession(by: By, id: string, hash: string, nowMs: number): Promise<SessionTokens> {
    return this.#people.refresh(by, id, hash, nowMs);
  }
  getSession(id: string): Session {
    return this.#people.session(id);
  }
  listSessions(userId: string | undefined, limit: number, cursor: string | undefined): PageOf<Session> {
    return this.#core.sessions.list(userId, limit, cursor);
  }
  revokeSession(by: By, id: string, nowMs: number): { revoked: boolean } {
    return this.#people.revokeSession(by, id, nowMs);
  }
  revokeSessionsOf(by: By, userId: string, but: string | undefined, nowMs: number): { revoked: number } {
    return this.#people.revokeSessionsOf(by, userId, but, nowMs);
  }

  revokeToken(by: By, id: string, endsMs: number, nowMs: number): { revoked: boolean } {
    const revoked = this.#core.tokens.revoke(id, endsMs, nowMs);
    if (revoked) this.#core.note(by, "token.revoked", id, nowMs);
    return { revoked };
  }

  /** What the operator has decided about the tenant. */
  setTenant(by: By, settings: { tier?: string | undefined; disabled?: boolean | undefined }, nowMs: number): void {
    if (settings.tier !== undefined) this.#core.set("tier", settings.tier);
    if (settings.disabled !== undefined) this.#core.set("disabled", settings.disabled ? "1" : "0");
    this.#core.changed();
    this.#core.note(by, "tenant.changed", this.#core.tenant, nowMs, settings);
  }

  listAudit(filter: AuditFilter): PageOf<AuditEntry> {
    return this.#core.audit.list(filter);
  }
  /** For acts that are decided elsewhere. */
  note(by: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    this.#core.note(by, action, object, nowMs, details);
  }
  /** The same for what anyone can cause as often as they like: a denied permission, a sign-in that failed. */
  noteOften(by: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    this.#core.audit.appendOften(by, action, object, nowMs, details);
  }

  /** Counts go to disk in the background: no answer waits for it, and a crash forgets half a second of them. */
  #flushLater(): void {
    if (this.#flushing || !this.#core.entrance.isDirty) return;
    this.#flushing = true;
    this.ctx.waitUntil(
      scheduler.wait(FLUSH_MS).then(() => {
        this.#flushing = false;
        this.#core.entrance.flush(Date.now());
      }),
    );
  }
}

/** The Realm of a tenant. */
export function realmOf(env: Cloudflare.Env, tenant: string): Remote<Realm> {
  return env.REALM.getByName(tenant);
}
