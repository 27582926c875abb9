import { DoError } from "../../../../sdk/src/errors.ts";
import type { Role } from "../schema/roles.ts";
import { simplify } from "../scopes.ts";

const SERVICES = ["db", "gateway", "schedule", "webhooks", "email", "mcp", "queue"];

/** Spelled in two, so that who holds reading and writing apart can hand it on. */
const SELF = ["auth:read:self/*", "auth:write:self/*"];

/** Roles that every tenant has, and none can change. What they grant is bounded by the tier. */
export const BUILT_IN_ROLES: ReadonlyMap<string, { readonly description: string; readonly permissions: readonly string[] }> = new Map([
  ["owner", { description: "Everything", permissions: ["*"] }],
  [
    "admin",
    {
      description: "Everything but roles: they are the owner's to give",
      permissions: [
        ...SERVICES.map((service) => `${service}:*`),
        "executions:*",
        "auth:read",
        ...["self", "keys", "users", "sessions", "members", "tokens", "clients"].map((of) => `auth:write:${of}/*`),
      ],
    },
  ],
  [
    "developer",
    {
      description: "Runs code and uses every service",
      permissions: [...SERVICES.map((service) => `${service}:*`), "executions:*", ...SELF, "auth:read:keys/*"],
    },
  ],
  [
    "viewer",
    {
      description: "Reads",
      permissions: [...SERVICES.map((service) => `${service}:read`), "executions:read", ...SELF],
    },
  ],
  ["auditor", { description: "Reads the audit trail", permissions: ["auth:read:audit/*", ...SELF] }],
]);

const MAX_ROLES = 1_000;

interface Row extends Record<string, SqlStorageValue> {
  name: string;
  description: string;
  permissions: string;
  created_ms: number;
}

/** Roles, and what keys and users are given: roles by name, and single permissions. */
export class Rights {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** What a subject holds by its roles and grants. */
  of(subject: string): string[] {
    return simplify([...this.rolesOf(subject).flatMap((role) => this.permissionsOf(role)), ...this.grantsOf(subject)]);
  }

  rolesOf(subject: string): string[] {
    return this.#sql
      .exec<{ role: string }>("SELECT role FROM assignments WHERE subject = ? ORDER BY role", subject)
      .toArray()
      .map(({ role }) => role);
  }

  grantsOf(subject: string): string[] {
    return this.#sql
      .exec<{ permission: string }>("SELECT permission FROM grants WHERE subject = ? ORDER BY permission", subject)
      .toArray()
      .map(({ permission }) => permission);
  }

  /** What a role grants; nothing when there is none of this name any more. */
  permissionsOf(role: string): readonly string[] {
    return this.find(role)?.permissions ?? [];
  }

  find(name: string): Role | undefined {
    const builtIn = BUILT_IN_ROLES.get(name);
    if (builtIn) return { name, description: builtIn.description, permissions: [...builtIn.permissions], builtIn: true };
    const [row] = this.#sql.exec<Row>("SELECT * FROM roles WHERE name = ?", name).toArray();
    return row && toRole(row);
  }

  list(): Role[] {
    const own = this.#sql.exec<Row>("SELECT * FROM roles ORDER BY name").toArray().map(toRole);
    return [...[...BUILT_IN_ROLES.keys()].flatMap((name) => this.find(name) ?? []), ...own];
  }

  create(name: string, permissions: readonly string[], description: string, nowMs: number): Role {
    if (this.find(name)) throw new DoError("CONFLICT", `Cannot create the role: there is a role "${name}"`, { reason: "ROLE_EXISTS" });
    const [{ n } = { n: 0 }] = this.#sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM roles").toArray();
    if (n >= MAX_ROLES)
      throw new DoError("LIMIT_EXCEEDED", `Cannot create the role: a tenant has at most ${MAX_ROLES}`, { retryable: false });
    this.#sql.exec("INSERT INTO roles VALUES (?, ?, ?, ?)", name, description, JSON.stringify(simplify(permissions)), nowMs);
    return this.own(name);
  }

  update(name: string, permissions: readonly string[] | undefined, description: string | undefined): Role {
    const role = this.own(name);
    this.#sql.exec(
      "UPDATE roles SET permissions = ?, description = ? WHERE name = ?",
      JSON.stringify(simplify(permissions ?? role.permissions)),
      description ?? role.description,
      name,
    );
    return this.own(name);
  }

  delete(name: string): boolean {
    if (!this.find(name)) return false;
    this.own(name);
    this.#sql.exec("DELETE FROM roles WHERE name = ?", name);
    this.#sql.exec("DELETE FROM assignments WHERE role = ?", name);
    return true;
  }

  /** A role that the tenant has defined. @throws DoError NOT_FOUND, PERMISSION_DENIED for one that is built in */
  own(name: string): Role {
    const role = this.find(name);
    if (!role) throw noRole(name);
    if (role.builtIn)
      throw new DoError("PERMISSION_DENIED", `Cannot change the role "${name}": it is built in`, { reason: "ROLE_BUILT_IN" });
    return role;
  }

  assign(subject: string, role: string): boolean {
    return this.#sql.exec("INSERT OR IGNORE INTO assignments VALUES (?, ?)", subject, role).rowsWritten > 0;
  }
  unassign(subject: string, role: string): boolean {
    return this.#sql.exec("DELETE FROM assignments WHERE subject = ? AND role = ?", subject, role).rowsWritten > 0;
  }
  grant(subject: string, permission: string): boolean {
    return this.#sql.exec("INSERT OR IGNORE INTO grants VALUES (?, ?)", subject, permission).rowsWritten > 0;
  }
  revoke(subject: string, permission: string): boolean {
    return this.#sql.exec("DELETE FROM grants WHERE subject = ? AND permission = ?", subject, permission).rowsWritten > 0;
  }

  copy(from: string, to: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO assignments SELECT ?, role FROM assignments WHERE subject = ?", to, from);
    this.#sql.exec("INSERT OR IGNORE INTO grants SELECT ?, permission FROM grants WHERE subject = ?", to, from);
  }

  forget(subject: string): void {
    this.#sql.exec("DELETE FROM assignments WHERE subject = ?", subject);
    this.#sql.exec("DELETE FROM grants WHERE subject = ?", subject);
  }
}

export function noRole(name: string): DoError {
  return new DoError("NOT_FOUND", `There is no role "${name}" in this tenant`, { reason: "ROLE_NOT_FOUND" });
}

function toRole({ name, description, permissions, created_ms: createdMs }: Row): Role {
  return {
    name,
    description,
    permissions: JSON.parse(permissions) as string[],
    builtIn: false,
    createdAt: new Date(createdMs).toISOString(),
  };
}
