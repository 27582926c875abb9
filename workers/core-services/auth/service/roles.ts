import { DoError } from "../../../../sdk/src/errors.ts";
import { allows, covers } from "../scopes.ts";
import type { AuthDeps, Methods } from "./deps.ts";

type RoleMethod =
  | "createRole"
  | "updateRole"
  | "listRoles"
  | "deleteRole"
  | "assignRole"
  | "unassignRole"
  | "grantPermission"
  | "revokePermission"
  | "getRights"
  | "checkPermission"
  | "checkPermissions";

export function roleService(deps: AuthDeps): Methods<RoleMethod> {
  const { realm, actor, now } = deps;
  const check = async (permissions: readonly string[], subject: string | undefined) => {
    const scopes = await scopesOf(deps, subject);
    const missing = permissions.filter((permission) => !covers(scopes, permission));
    const via = scopes.filter((scope) => permissions.some((permission) => covers([scope], permission)));
    return { allowed: missing.length === 0, via, missing };
  };
  return {
    createRole: async (name, permissions, { description = "" } = {}) => realm.createRole(actor, name, permissions, description, now()),
    updateRole: async (name, changes) => realm.updateRole(actor, name, changes, now()),
    listRoles: async () => ({ items: await realm.listRoles() }),
    deleteRole: async (name) => realm.deleteRole(actor, name, now()),
    assignRole: async (role, subject) => realm.assignRole(actor, role, subject, now()),
    unassignRole: async (role, subject) => realm.unassignRole(actor, role, subject, now()),
    grantPermission: async (permission, subject) => realm.grantPermission(actor, permission, subject, now()),
    revokePermission: async (permission, subject) => realm.revokePermission(actor, permission, subject, now()),
    getRights: async (subject) => realm.getRights(subject),
    checkPermission: async (permission, { subject } = {}) => check([permission], subject),
    checkPermissions: async (permissions, { subject } = {}) => check(permissions, subject),
  };
}

async function scopesOf({ realm, actor }: AuthDeps, subject: string | undefined): Promise<readonly string[]> {
  if (subject === undefined || subject === actor.id) return actor.scopes;
  if (!allows(actor.scopes, "auth", "read", `roles/${subject}`)) {
    throw new DoError("PERMISSION_DENIED", `Cannot ask about ${subject}: it needs the scope auth:read:roles/${subject}`, {
      reason: "MISSING_SCOPE",
    });
  }
  return (await realm.getRights(subject)).effective;
}
