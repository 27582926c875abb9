import { DoError } from "../../../../sdk/src/errors.ts";
import type { Actor } from "../actor.ts";
import type { Role } from "../schema/roles.ts";
import type { RealmCore } from "./core.ts";
import { noRole } from "./rights.ts";

/** What is done with roles and permissions, by whom, within what they hold. */
export class RoleActs {
  readonly #core: RealmCore;

  constructor(core: RealmCore) {
    this.#core = core;
  }

  create(actor: Actor, name: string, permissions: readonly string[], description: string, nowMs: number): Role {
    this.#core.mayHandOn(actor, permissions);
    const role = this.#core.rights.create(name, permissions, description, nowMs);
    this.#core.note(actor, "role.created", name, nowMs, { permissions: role.permissions });
    return role;
  }

  update(
    actor: Actor,
    name: string,
    changes: { permissions?: string[] | undefined; description?: string | undefined },
    nowMs: number,
  ): Role {
    this.#core.rights.own(name);
    this.#core.mayHandOn(actor, changes.permissions ?? []);
    const role = this.#core.rights.update(name, changes.permissions, changes.description);
    this.#core.changed();
    this.#core.note(actor, "role.updated", name, nowMs, { permissions: role.permissions });
    return role;
  }

  delete(actor: Actor, name: string, nowMs: number): { deleted: boolean } {
    const deleted = this.#core.rights.delete(name);
    this.#core.changed();
    if (deleted) this.#core.note(actor, "role.deleted", name, nowMs);
    return { deleted };
  }

  assign(actor: Actor, role: string, subject: string, nowMs: number): { changed: boolean } {
    this.mayAssign(actor, [role]);
    return this.#give(actor, "role.assigned", subject, { role }, nowMs, () => this.#core.rights.assign(subject, role));
  }

  unassign(actor: Actor, role: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#give(actor, "role.unassigned", subject, { role }, nowMs, () => this.#core.rights.unassign(subject, role));
  }

  grant(actor: Actor, permission: string, subject: string, nowMs: number): { changed: boolean } {
    this.#core.mayHandOn(actor, [permission]);
    return this.#give(actor, "permission.granted", subject, { permission }, nowMs, () => this.#core.rights.grant(subject, permission));
  }

  revoke(actor: Actor, permission: string, subject: string, nowMs: number): { changed: boolean } {
    return this.#give(actor, "permission.revoked", subject, { permission }, nowMs, () => this.#core.rights.revoke(subject, permission));
  }

  rightsOf(subject: string): { subject: string; roles: string[]; permissions: string[]; effective: string[] } {
    this.#check(subject);
    const { rights, entrance } = this.#core;
    return { subject, roles: rights.rolesOf(subject), permissions: rights.grantsOf(subject), effective: entrance.effectiveOf(subject) };
  }

  /** @throws DoError NOT_FOUND, PERMISSION_DENIED */
  mayAssign(actor: Actor, roles: readonly string[]): void {
    for (const role of roles) {
      if (!this.#core.rights.find(role)) throw noRole(role);
      this.#core.mayHandOn(actor, this.#core.rights.permissionsOf(role));
    }
  }

  #give(
    actor: Actor,
    action: string,
    subject: string,
    details: Record<string, unknown>,
    nowMs: number,
    write: () => boolean,
  ): { changed: boolean } {
    this.#check(subject);
    const changed = write();
    this.#core.changed();
    if (changed) this.#core.note(actor, action, subject, nowMs, details);
    return { changed };
  }

  #check(subject: string): void {
    const { keys, members } = this.#core;
    if (keys.row(subject) || members.has(subject)) return;
    throw new DoError("NOT_FOUND", `There is no ${subject.slice(0, 64)} in this tenant`, { reason: "SUBJECT_NOT_FOUND" });
  }
}
