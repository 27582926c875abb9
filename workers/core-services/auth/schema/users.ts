import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { TierName } from "../config.ts";
import { Cursor, IdempotencyKey, Limit, Name, page, Permissions, RoleName, TenantName, Time, UserId } from "./shared.ts";
import { ApiKey } from "./keys.ts";

const Email = z.email("must be an e-mail address").max(254);
export const Password = z
  .string()
  .min(10, "must be at least 10 characters")
  .max(256, "must be at most 256 characters")
  .meta({ description: "10 to 256 characters, any of them" });
const Roles = z.array(RoleName).max(20);

export const User = z.object({
  id: UserId,
  email: z.string(),
  name: z.string(),
  home: z.string().optional().meta({ description: "The tenant that looks after the user; without it, the operator" }),
  disabled: z.boolean(),
  hasPassword: z.boolean(),
  createdAt: Time,
});
export type User = z.infer<typeof User>;

export const Member = z.object({ userId: UserId, email: z.string(), roles: z.array(z.string()), joinedAt: Time });
export type Member = z.infer<typeof Member>;

export const Tenant = z.object({
  name: z.string(),
  displayName: z.string(),
  tier: z.string().optional(),
  disabled: z.boolean(),
  createdAt: Time,
});
export type Tenant = z.infer<typeof Tenant>;

const userResource = ([id]: readonly unknown[]) => `users/${String(id)}`;
const memberResource = ([id]: readonly unknown[]) => `members/${String(id)}`;
const tenantResource = ([name]: readonly unknown[]) => `tenants/${String(name)}`;
const pageOptions = z.strictObject({ limit: Limit, cursor: Cursor }).optional();

export const userMethods = {
  createUser: defineMethod({
    summary: "Makes a user, a member of this tenant with these roles",
    access: "write",
    params: [
      ["email", Email],
      [
        "options",
        z
          .strictObject({
            name: Name.optional(),
            password: Password.optional(),
            roles: Roles.optional(),
            withoutTenant: z.literal(true).optional().meta({ description: "A user of tier public, in no tenant; the operator only" }),
          })
          .optional(),
      ],
    ],
    result: User,
    resource: () => "users/",
  }),
  getUser: defineMethod({
    summary: "A user whom this tenant looks after",
    access: "read",
    params: [["id", UserId]],
    result: User,
    resource: userResource,
  }),
  listUsers: defineMethod({
    summary: "The users whom this tenant looks after",
    access: "read",
    params: [["options", pageOptions]],
    result: page(User),
    resource: () => "users/",
  }),
  updateUser: defineMethod({
    summary: "Changes a user; one who is disabled is signed out everywhere",
    access: "write",
    params: [
      ["id", UserId],
      ["changes", z.strictObject({ name: Name.optional(), email: Email.optional(), disabled: z.boolean().optional() })],
    ],
    result: User,
    resource: userResource,
  }),
  deleteUser: defineMethod({
    summary: "Deletes a user, with all memberships and sessions",
    access: "write",
    params: [["id", UserId]],
    result: z.object({ deleted: z.boolean() }),
    resource: userResource,
  }),
  setPassword: defineMethod({
    summary: "Sets a user's password and ends all their sessions; for who holds all that the user holds",
    access: "write",
    params: [
      ["id", UserId],
      ["password", Password],
    ],
    result: z.object({ changed: z.literal(true) }),
    resource: userResource,
  }),
  changePassword: defineMethod({
    summary: "Changes one's own password and ends all other sessions",
    access: "write",
    params: [
      ["current", z.string().max(256)],
      ["password", Password],
    ],
    result: z.object({ changed: z.literal(true) }),
    open: true,
  }),
  addMember: defineMethod({
    summary: "Takes a user into this tenant, with these roles",
    access: "write",
    params: [
      ["userId", UserId],
      ["options", z.strictObject({ roles: Roles.optional() }).optional()],
    ],
    result: Member,
    resource: memberResource,
  }),
  listMembers: defineMethod({
    summary: "The members of this tenant, with their roles",
    access: "read",
    params: [["options", pageOptions]],
    result: page(Member),
    resource: () => "members/",
  }),
  removeMember: defineMethod({
    summary: "Takes a user out of this tenant: their sessions here end, and their keys with them",
    access: "write",
    params: [["userId", UserId]],
    result: z.object({ removed: z.boolean() }),
    resource: memberResource,
  }),
};

export const tenantMethods = {
  createTenant: defineMethod({
    summary: "Makes a tenant and the first key of its owner, which is shown once; the operator only",
    access: "write",
    params: [
      ["name", TenantName],
      ["options", z.strictObject({ displayName: Name.optional(), tier: TierName.optional(), idempotencyKey: IdempotencyKey }).optional()],
    ],
    result: Tenant.extend({ key: z.string().meta({ description: "An API key with the role owner" }) }),
    resource: tenantResource,
  }),
  listTenants: defineMethod({
    summary: "The tenants there are; the operator only",
    access: "read",
    params: [["options", pageOptions]],
    result: page(Tenant),
    resource: () => "tenants/",
  }),
  updateTenant: defineMethod({
    summary: "Changes a tenant: its tier, or whether its credentials are let in; the operator only",
    access: "write",
    params: [
      ["name", TenantName],
      ["changes", z.strictObject({ displayName: Name.optional(), tier: TierName.optional(), disabled: z.boolean().optional() })],
    ],
    result: Tenant,
    resource: tenantResource,
  }),
  createTenantKey: defineMethod({
    summary: "Makes an API key in another tenant; the operator only",
    access: "write",
    params: [
      ["name", TenantName],
      ["keyName", Name],
      ["permissions", Permissions],
    ],
    result: ApiKey.extend({ key: z.string() }),
    resource: tenantResource,
  }),
};
