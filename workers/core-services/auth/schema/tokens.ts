import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { Permissions, Time } from "./shared.ts";

/** Our own to say, and what a receiver trusts a token for. */
const RESERVED = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope", "tenant", "kind", "src", "client_id", "act", "cnf"];

const Token = z.string().max(8_192);
const Audience = z.string().min(1).max(2_048).meta({ description: "Who the token is for; default: this deployment" });
const TtlSeconds = z.int().min(10).max(3_600).optional().meta({ description: "Default 900" });
const Claims = z
  .record(z.string().max(64), z.unknown())
  .refine((claims) => z.json().safeParse(claims).success, "must be JSON")
  .refine((claims) => Object.keys(claims).every((name) => !RESERVED.includes(name)), `must not name ${RESERVED.join(", ")}`)
  .refine((claims) => JSON.stringify(claims).length <= 2_048, "must be at most 2048 characters as JSON");

const Issued = z.object({
  token: z.string(),
  tokenType: z.literal("Bearer"),
  tokenId: z.string(),
  scopes: z.array(z.string()),
  expiresAt: Time,
});
export type Issued = z.infer<typeof Issued>;

const KINDS = ["key", "session", "jwt", "oauth", "root"] as const;
export type TokenKind = (typeof KINDS)[number];

export const tokenMethods = {
  issueToken: defineMethod({
    summary: "A JWT that stands for the caller, with at most the caller's scopes, for a short time",
    access: "write",
    params: [
      [
        "options",
        z
          .strictObject({
            audience: Audience.optional(),
            scopes: Permissions.optional(),
            ttlSeconds: TtlSeconds,
            claims: Claims.optional(),
          })
          .optional(),
      ],
    ],
    result: Issued,
    resource: () => "tokens/",
  }),
  exchangeToken: defineMethod({
    summary: "A JWT for a token of this tenant, with some of its scopes (RFC 8693, down-scoping only)",
    access: "write",
    params: [
      ["token", Token],
      ["options", z.strictObject({ scopes: Permissions, audience: Audience.optional(), ttlSeconds: TtlSeconds })],
    ],
    result: Issued,
    open: true,
  }),
  validateToken: defineMethod({
    summary: "Whether a credential of this tenant is good now, and for what; never throws for a bad one",
    access: "read",
    params: [
      ["token", Token],
      ["options", z.strictObject({ scopes: Permissions.optional() }).optional()],
    ],
    result: z.object({
      valid: z.boolean(),
      kind: z.enum(KINDS).optional(),
      principal: z.object({ kind: z.string(), id: z.string(), tenant: z.string(), tier: z.string() }).optional(),
      permissions: z.array(z.string()).optional(),
      expiresAt: Time.optional(),
      reason: z.string().optional(),
    }),
    resource: () => "tokens/",
  }),
  introspect: defineMethod({
    summary: "The same in the form of RFC 7662",
    access: "read",
    params: [["token", Token]],
    result: z.object({
      active: z.boolean(),
      scope: z.string().optional(),
      sub: z.string().optional(),
      exp: z.int().optional(),
      iss: z.string().optional(),
      token_type: z.string().optional(),
      tenant: z.string().optional(),
      tier: z.string().optional(),
    }),
    resource: () => "tokens/",
  }),
  revokeToken: defineMethod({
    summary: "Ends a JWT of this deployment, or a session, for who has its text",
    access: "write",
    params: [["token", Token]],
    result: z.object({ revoked: z.boolean() }),
    open: true,
  }),
  jwks: defineMethod({
    summary: "The public keys that this deployment's JWTs are signed with (RFC 7517)",
    access: "read",
    params: [],
    result: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    open: true,
  }),
  rotateKeys: defineMethod({
    summary: "A new key signs JWTs from now on; those of the old one are good for the overlap. The operator only",
    access: "write",
    params: [
      [
        "options",
        z
          .strictObject({
            overlapSeconds: z.int().min(0).max(2_592_000).optional().meta({ description: "Default 3600, as long as any JWT" }),
          })
          .optional(),
      ],
    ],
    result: z.object({ keyId: z.string(), previousKeyId: z.string() }),
    resource: () => "signing-keys/",
  }),
};
