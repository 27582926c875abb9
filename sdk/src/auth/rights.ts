import type { PageOf, PageOptions } from "./shared.ts";

export interface Role {
  name: string;
  description: string;
  permissions: string[];
  builtIn: boolean;
  createdAt?: string | undefined;
}

export interface Rights {
  subject: string;
  roles: string[];
  /** Granted to the subject itself. */
  permissions: string[];
  /** All that it may do now. */
  effective: string[];
}

export interface PermissionCheck {
  allowed: boolean;
  /** The scopes that grant it. */
  via: string[];
  missing: string[];
}

export interface CheckOptions {
  /** A key or user; default: the caller. */
  subject?: string | undefined;
}

export interface AuditEntry {
  at: string;
  actor: { kind: string; id: string };
  action: string;
  object: string;
  requestId: string;
  details: Record<string, unknown>;
}

export interface ListAuditOptions extends PageOptions {
  /** The id of who did it. */
  actor?: string | undefined;
  action?: string | undefined;
  object?: string | undefined;
}

export interface AuthRights {
  createRole(name: string, permissions: string[], options?: { description?: string | undefined }): Promise<Role>;
  updateRole(name: string, changes: { permissions?: string[] | undefined; description?: string | undefined }): Promise<Role>;
  listRoles(): Promise<{ items: Role[] }>;
  deleteRole(name: string): Promise<{ deleted: boolean }>;
  /** Gives a role to a key (`key_...`) or a user (`usr_...`). */
  assignRole(role: string, subject: string): Promise<{ changed: boolean }>;
  unassignRole(role: string, subject: string): Promise<{ changed: boolean }>;
  grantPermission(permission: string, subject: string): Promise<{ changed: boolean }>;
  revokePermission(permission: string, subject: string): Promise<{ changed: boolean }>;
  getRights(subject: string): Promise<Rights>;
  checkPermission(permission: string, options?: CheckOptions): Promise<PermissionCheck>;
  /** Whether all of them are held. */
  checkPermissions(permissions: string[], options?: CheckOptions): Promise<PermissionCheck>;
  /** Newest first. */
  listAudit(options?: ListAuditOptions): Promise<PageOf<AuditEntry>>;
}
