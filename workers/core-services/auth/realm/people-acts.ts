import { DoError } from "../../../../sdk/src/errors.ts";
import type { Actor, By } from "../actor.ts";
import type { Session } from "../schema/sessions.ts";
import type { Member } from "../schema/users.ts";
import type { RealmCore } from "./core.ts";
import type { RoleActs } from "./role-acts.ts";
import { toSession, type NewSession, type SessionRow, type SessionTokens } from "./sessions.ts";

/** What is done with the members of a tenant and their sessions. */
export class PeopleActs {
  readonly #core: RealmCore;
  readonly #roles: RoleActs;

  constructor(core: RealmCore, roles: RoleActs) {
    this.#core = core;
    this.#roles = roles;
  }

  /** Looked at before a user is made for it. */
  mayAdd(actor: Actor, roles: readonly string[]): void {
    this.#roles.mayAssign(actor, roles);
  }

  add(actor: Actor, userId: string, email: string, roles: readonly string[], nowMs: number): Member {
    const core = this.#core;
    return core.whole(() => {
      this.#roles.mayAssign(actor, roles);
      core.members.add(userId, email, nowMs);
      for (const role of roles) core.rights.assign(userId, role);
      core.changed();
      core.note(actor, "member.added", userId, nowMs, { roles });
      return this.#member(userId);
    });
  }

  remove(actor: By, userId: string, nowMs: number): { removed: boolean } {
    const core = this.#core;
    const removed = core.whole(() => {
      core.sessions.revokeOf(userId, undefined, nowMs);
      core.keys.revokeOfOwner(userId, nowMs);
      return core.members.remove(userId);
    });
    core.changed();
    if (removed) core.note(actor, "member.removed", userId, nowMs);
    return { removed };
  }

  /** Disabled, or no longer; whoever is, is out at once. */
  setBlocked(by: By, userId: string, blocked: boolean, nowMs: number): void {
    this.#core.members.setBlocked(userId, blocked);
    if (blocked) this.#core.sessions.revokeOf(userId, undefined, nowMs);
    this.#core.changed();
    this.#core.note(by, blocked ? "user.disabled" : "user.enabled", userId, nowMs);
  }

  /** @throws DoError PERMISSION_DENIED unless the actor holds all that the member does: it could act as them */
  mayActAs(actor: Actor, userId: string): void {
    this.#member(userId);
    this.#core.mayHandOn(actor, this.#core.rights.of(userId));
  }

  /** For who has shown who they are. @throws DoError NOT_FOUND when they do not belong here */
  async openSession(by: By, session: NewSession, nowMs: number): Promise<SessionTokens> {
    const core = this.#core;
    const tag = await core.tag();
    if (!session.personal) this.#member(session.userId);
    const made = core.whole(() => core.sessions.create(tag, session, nowMs));
    core.note(by, "session.created", made.session.id, nowMs, { userId: session.userId });
    return made;
  }

  /** @throws DoError UNAUTHENTICATED */
  async refresh(by: By, id: string, hash: string, nowMs: number): Promise<SessionTokens> {
    const core = this.#core;
    const tag = await core.tag();
    const refreshed = core.whole(() => core.sessions.refresh(tag, id, hash, nowMs));
    switch (refreshed.kind) {
      case "tokens":
        core.changed();
        if (core.setting("disabled") === "1") throw noRefresh("BAD_CREDENTIAL");
        return refreshed.tokens;
      case "reused":
        core.note(by, "session.reuse-detected", id, nowMs);
        throw noRefresh("REUSE_DETECTED");
      case "ended":
        throw noRefresh("SESSION_ENDED");
      case "unknown":
        throw noRefresh("BAD_CREDENTIAL");
    }
  }

  session(id: string): Session {
    return toSession(this.#session(id));
  }

  revokeSession(by: By, id: string, nowMs: number): { revoked: boolean } {
    this.#session(id);
    const revoked = this.#core.sessions.revoke(id, nowMs);
    if (revoked) this.#core.note(by, "session.revoked", id, nowMs);
    return { revoked };
  }

  revokeSessionsOf(by: By, userId: string, but: string | undefined, nowMs: number): { revoked: number } {
    const revoked = this.#core.sessions.revokeOf(userId, but, nowMs);
    if (revoked > 0) this.#core.note(by, "sessions.revoked", userId, nowMs, { sessions: revoked });
    return { revoked };
  }

  #member(userId: string): Member {
    const member = this.#core.members.get(userId);
    if (!member) throw new DoError("NOT_FOUND", "There is no such member in this tenant", { reason: "MEMBER_NOT_FOUND" });
    return member;
  }

  #session(id: string): SessionRow {
    const row = this.#core.sessions.row(id);
    if (!row) throw new DoError("NOT_FOUND", "There is no such session in this tenant", { reason: "SESSION_NOT_FOUND" });
    return row;
  }
}

function noRefresh(reason: string): DoError {
  return new DoError("UNAUTHENTICATED", "Cannot refresh: the refresh token is not valid any more; sign in again", { reason });
}
