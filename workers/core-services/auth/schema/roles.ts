import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { Permission, Permissions, RoleName, Subject, Time } from "./shared.ts";

export const Role = z.object({
  name: z.string(),
  description: z.string(),
  permissions: z.array(z.string()),
  builtIn: z.boolean(),
  createdAt: Time.optional(),
});
export type Role = z.infer<typeof Role>;

const Rights = z.object({
  subject: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()).meta({ description: "Granted to the subject itself" }),
  effective: z.array(z.string()).meta({ description: "All that it may do now: of roles, of its own, within its tier" }),
});

const Check = z.object({
  allowed: z.boolean(),
  via: z.array(z.string()).meta({ description: "The scopes that grant it" }),
  missing: z.array(z.string()),
});
const CheckOptions = z
  .strictObject({ subject: Subject.optional().meta({ description: "Default: the caller. Another needs auth:read:roles/*" }) })
  .optional();

const changed = z.object({ changed: z.boolean() });
const ofSubject = ([subject]: readonly unknown[]) => `roles/${String(subject)}`;
const ofSecond = ([, subject]: readonly unknown[]) => `roles/${String(subject)}`;

export const roleMethods = {
  createRole: defineMethod({
    summary: "Defines a role; it may hold no more than who defines it",
    access: "write",
    params: [
      ["name", RoleName],
      ["permissions", Permissions],
      ["options", z.strictObject({ description: z.string().max(500).optional() }).optional()],
    ],
    result: Role,
    resource: ofSubject,
  }),
  updateRole: defineMethod({
    summary: "Changes a role, for all who have it, from their next request on",
    access: "write",
    params: [
      ["name", RoleName],
      ["changes", z.strictObject({ permissions: Permissions.optional(), description: z.string().max(500).optional() })],
    ],
    result: Role,
    resource: ofSubject,
  }),
  listRoles: defineMethod({
    summary: "The roles there are: those built in, and those of the tenant",
    access: "read",
    params: [],
    result: z.object({ items: z.array(Role) }),
    resource: () => "roles/",
  }),
  deleteRole: defineMethod({
    summary: "Takes a role away, from all who have it",
    access: "write",
    params: [["name", RoleName]],
    result: z.object({ deleted: z.boolean() }),
    resource: ofSubject,
  }),
  assignRole: defineMethod({
    summary: "Gives a role to a key or a user",
    access: "write",
    params: [
      ["role", RoleName],
      ["subject", Subject],
    ],
    result: changed,
    resource: ofSecond,
  }),
  unassignRole: defineMethod({
    summary: "Takes a role from a key or a user",
    access: "write",
    params: [
      ["role", RoleName],
      ["subject", Subject],
    ],
    result: changed,
    resource: ofSecond,
  }),
  grantPermission: defineMethod({
    summary: "Gives one permission to a key or a user",
    access: "write",
    params: [
      ["permission", Permission],
      ["subject", Subject],
    ],
    result: changed,
    resource: ofSecond,
  }),
  revokePermission: defineMethod({
    summary: "Takes one permission, given to it alone, from a key or a user",
    access: "write",
    params: [
      ["permission", Permission],
      ["subject", Subject],
    ],
    result: changed,
    resource: ofSecond,
  }),
  getRights: defineMethod({
    summary: "What a key or a user may do, and by what",
    access: "read",
    params: [["subject", Subject]],
    result: Rights,
    resource: ofSubject,
  }),
  checkPermission: defineMethod({
    summary: "Whether a permission is held",
    access: "read",
    params: [
      ["permission", Permission],
      ["options", CheckOptions],
    ],
    result: Check,
    open: true,
  }),
  checkPermissions: defineMethod({
    summary: "Whether all of several permissions are held",
    access: "read",
    params: [
      ["permissions", Permissions],
      ["options", CheckOptions],
    ],
    result: Check,
    open: true,
  }),
};
