import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { Cursor, Limit, Name, page, Time, UserId } from "./shared.ts";

const RedirectUri = z.string().max(2_048);

const Client = z.object({
  clientId: z.string(),
  clientName: z.string().optional(),
  redirectUris: z.array(z.string()),
  tokenEndpointAuthMethod: z.string(),
});
export type Client = z.infer<typeof Client>;

const Grant = z.object({ id: z.string(), userId: UserId, clientId: z.string(), scopes: z.array(z.string()), createdAt: Time });
export type Grant = z.infer<typeof Grant>;

const clientResource = ([id]: readonly unknown[]) => `clients/${String(id)}`;
const User = z
  .strictObject({ userId: UserId.optional().meta({ description: "Default: the caller; another needs auth:*:clients/*" }) })
  .optional();

export const clientMethods = {
  createClient: defineMethod({
    summary: "Registers an OAuth client; its secret, if it has one, is shown once. The operator only",
    access: "write",
    params: [
      ["name", Name],
      ["redirectUris", z.array(RedirectUri).min(1).max(20)],
      [
        "options",
        z.strictObject({ confidential: z.boolean().optional().meta({ description: "With a secret. Default false" }) }).optional(),
      ],
    ],
    result: Client.extend({ clientSecret: z.string().optional() }),
    resource: () => "clients/",
  }),
  listClients: defineMethod({
    summary: "The OAuth clients that are registered; the operator only",
    access: "read",
    params: [["options", z.strictObject({ limit: Limit, cursor: Cursor }).optional()]],
    result: page(Client),
    resource: () => "clients/",
  }),
  deleteClient: defineMethod({
    summary: "Deletes an OAuth client and all that was granted to it; the operator only",
    access: "write",
    params: [["clientId", z.string().max(2_048)]],
    result: z.object({ deleted: z.boolean() }),
    resource: clientResource,
  }),
  listGrants: defineMethod({
    summary: "To which OAuth clients a user has given what, in this tenant",
    access: "read",
    params: [["options", User]],
    result: z.object({ items: z.array(Grant) }),
    open: true,
  }),
  revokeGrant: defineMethod({
    summary: "Takes a grant back: its tokens end with the next request",
    access: "write",
    params: [
      ["id", z.string().max(256)],
      ["options", User],
    ],
    result: z.object({ revoked: z.boolean() }),
    open: true,
  }),
};
