import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { Cursor, Limit, page, SessionId, TenantName, Time, UserId } from "./shared.ts";

export const Session = z.object({
  id: SessionId,
  userId: UserId,
  createdAt: Time,
  lastUsedAt: Time,
  expiresAt: Time.meta({ description: "When it ends unless it is refreshed before" }),
  device: z.string().optional(),
  address: z.string().optional(),
  revokedAt: Time.optional(),
});
export type Session = z.infer<typeof Session>;

const Tokens = z.object({
  session: Session,
  tenant: z.string(),
  token: z.string().meta({ description: "The access token, for Authorization: Bearer" }),
  expiresAt: Time.meta({ description: "When the access token ends" }),
  refreshToken: z.string().meta({ description: "Good for one refresh; used twice, it ends the session" }),
});
export type Tokens = z.infer<typeof Tokens>;

const Device = z.string().max(200).optional().meta({ description: "A name to find the session by" });
const resource = ([id]: readonly unknown[]) => `sessions/${String(id)}`;

export const sessionMethods = {
  signIn: defineMethod({
    summary: "A session for who knows the password",
    access: "write",
    params: [
      ["email", z.string().max(254)],
      ["password", z.string().max(256)],
      [
        "options",
        z
          .strictObject({ tenant: TenantName.optional().meta({ description: "For who is a member of several" }), device: Device })
          .optional(),
      ],
    ],
    result: Tokens,
    open: true,
  }),
  refreshSession: defineMethod({
    summary: "New tokens for a refresh token, which is then used up; one that comes twice ends the session",
    access: "write",
    params: [["refreshToken", z.string().max(512)]],
    result: Tokens,
    open: true,
  }),
  signOut: defineMethod({
    summary: "Ends the session of the caller",
    access: "write",
    params: [],
    result: z.object({ revoked: z.boolean() }),
    open: true,
  }),
  createSession: defineMethod({
    summary: "A session for a member, for who holds all that the member holds",
    access: "write",
    params: [
      ["userId", UserId],
      ["options", z.strictObject({ device: Device }).optional()],
    ],
    result: Tokens,
    resource,
  }),
  getSession: defineMethod({ summary: "One session", access: "read", params: [["id", SessionId]], result: Session, resource }),
  listSessions: defineMethod({
    summary: "The sessions of a user in this tenant, of all its users, or one's own",
    access: "read",
    params: [["options", z.strictObject({ userId: UserId.optional(), limit: Limit, cursor: Cursor }).optional()]],
    result: page(Session),
    open: true,
  }),
  revokeSession: defineMethod({
    summary: "Ends a session, from the next request on; one's own needs no scope",
    access: "write",
    params: [["id", SessionId]],
    result: z.object({ revoked: z.boolean() }),
    open: true,
  }),
  revokeAllSessions: defineMethod({
    summary: "Ends all sessions of a user in this tenant",
    access: "write",
    params: [["userId", UserId]],
    result: z.object({ revoked: z.int() }),
    resource,
  }),
};
