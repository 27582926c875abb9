import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { isNetwork } from "../address.ts";
import { TierName } from "../config.ts";
import { Cursor, IdempotencyKey, KeyId, Limit, Meta, Moment, Name, page, Permission, Permissions, Time, UserId } from "./shared.ts";

/** Of a label that credentials of another kind have, no key can be. */
const Environment = z.string().regex(/^(?!root$|ses$|ref$)[a-z]{2,8}$/, "must be 2 to 8 letters a to z, and none of root, ses, ref");

const RateLimit = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "must be a to z, 0 to 9 and -"),
  limit: z.int().min(1).max(1_000_000),
  windowMs: z.int().min(1_000).max(86_400_000),
});
export type RateLimit = z.infer<typeof RateLimit>;
const RateLimits = z
  .array(RateLimit)
  .max(5)
  .refine((limits) => new Set(limits.map(({ name }) => name)).size === limits.length, "names must differ");

const Credits = z.strictObject({
  remaining: z.int().min(0).max(1_000_000_000_000),
  refill: z
    .strictObject({ amount: z.int().min(1).max(1_000_000_000_000), intervalMs: z.int().min(1_000).max(31_622_400_000) })
    .optional()
    .meta({ description: "Sets `remaining` to `amount` each time the interval has passed" }),
});
export type Credits = z.infer<typeof Credits>;

const Addresses = z
  .array(z.string().refine(isNetwork, "must be an IP address or a network, as 192.0.2.0/24"))
  .max(50)
  .meta({ description: "Where the key may be used from; empty: from everywhere" });

export const ApiKey = z.object({
  id: KeyId,
  name: z.string(),
  permissions: z.array(z.string()),
  environment: z.string(),
  start: z.string().meta({ description: "The beginning of the key, to find it by" }),
  last4: z.string(),
  tier: z.string().optional().meta({ description: "Without it, the tier of the tenant" }),
  ownerId: z.string().optional(),
  createdBy: z.string(),
  createdAt: Time,
  expiresAt: Time.optional(),
  disabled: z.boolean(),
  revokedAt: Time.optional(),
  firstUsedAt: Time.optional(),
  lastUsedAt: Time.optional(),
  rotatedFrom: KeyId.optional(),
  meta: z.record(z.string(), z.unknown()),
  rateLimits: z.array(RateLimit),
  credits: Credits.optional(),
  addresses: z.array(z.string()),
});
export type ApiKey = z.infer<typeof ApiKey>;

const NewApiKey = ApiKey.extend({ key: z.string().meta({ description: "The key itself: it is shown here and never again" }) });

const CreateOptions = z.strictObject({
  environment: Environment.optional().meta({ description: "Default live" }),
  expiresAt: Moment.optional(),
  ownerId: UserId.optional().meta({ description: "Whose rights bound the key for as long as it lives; default: the user who makes it" }),
  tier: TierName.optional().meta({ description: "Only the operator may name another than the caller's own" }),
  meta: Meta.optional(),
  rateLimits: RateLimits.optional().meta({ description: "Beside those of the tier" }),
  credits: Credits.optional(),
  addresses: Addresses.optional(),
  idempotencyKey: IdempotencyKey,
});

const Changes = z.strictObject({
  name: Name.optional(),
  permissions: Permissions.optional(),
  disabled: z.boolean().optional(),
  expiresAt: Moment.nullable().optional(),
  meta: Meta.optional(),
  rateLimits: RateLimits.optional(),
  credits: Credits.nullable().optional(),
  addresses: Addresses.optional(),
});
export type KeyChanges = z.output<typeof Changes>;

/** Why a key is not good now. To who does not hold its secret, every key is NOT_FOUND. */
const VERDICTS = [
  "VALID",
  "NOT_FOUND",
  "EXPIRED",
  "REVOKED",
  "DISABLED",
  "FORBIDDEN",
  "INSUFFICIENT_PERMISSIONS",
  "RATE_LIMITED",
  "USAGE_EXCEEDED",
] as const;

const resource = ([id]: readonly unknown[]) => `keys/${String(id)}`;
const all = () => "keys/";

export const keyMethods = {
  createApiKey: defineMethod({
    summary: "Makes an API key; it is shown in this answer and never again",
    access: "write",
    params: [
      ["name", Name],
      ["permissions", Permissions],
      ["options", CreateOptions.optional()],
    ],
    result: NewApiKey,
    resource: all,
  }),
  listApiKeys: defineMethod({
    summary: "The tenant's API keys, newest first, without their secrets",
    access: "read",
    params: [["options", z.strictObject({ limit: Limit, cursor: Cursor, ownerId: UserId.optional() }).optional()]],
    result: page(ApiKey),
    resource: all,
  }),
  getApiKey: defineMethod({
    summary: "One API key, without its secret",
    access: "read",
    params: [["id", KeyId]],
    result: ApiKey,
    resource,
  }),
  updateApiKey: defineMethod({
    summary: "Changes an API key; null takes an expiry or credits away",
    access: "write",
    params: [
      ["id", KeyId],
      ["changes", Changes],
    ],
    result: ApiKey,
    resource,
  }),
  revokeApiKey: defineMethod({
    summary: "Ends an API key for ever, from the next request on",
    access: "write",
    params: [["id", KeyId]],
    result: z.object({ revoked: z.boolean() }),
    resource,
  }),
  rotateApiKey: defineMethod({
    summary: "A new key with the rights, credits and limits of this one, which lives on for the overlap",
    access: "write",
    params: [
      ["id", KeyId],
      [
        "options",
        z
          .strictObject({
            overlapSeconds: z.int().min(0).max(2_592_000).optional().meta({ description: "Default 0: the old key ends at once" }),
            idempotencyKey: IdempotencyKey,
          })
          .optional(),
      ],
    ],
    result: NewApiKey,
    resource,
  }),
  verifyApiKey: defineMethod({
    summary: "Whether a key of this tenant is good now, and for what; takes from its limits and credits when it is",
    access: "write",
    params: [
      ["key", z.string().max(512)],
      [
        "options",
        z
          .strictObject({
            permission: Permission.optional(),
            cost: z.int().min(0).max(1_000_000).optional().meta({ description: "Default 1; 0 only looks" }),
            address: z.string().max(64).optional().meta({ description: "Where it was used from, for keys that say where they may be" }),
          })
          .optional(),
      ],
    ],
    result: z.object({
      valid: z.boolean(),
      code: z.enum(VERDICTS),
      keyId: z.string().optional(),
      name: z.string().optional(),
      ownerId: z.string().optional(),
      tier: z.string().optional(),
      permissions: z.array(z.string()).optional(),
      expiresAt: Time.optional(),
      meta: z.record(z.string(), z.unknown()).optional(),
      creditsRemaining: z.int().optional(),
      retryAfterMs: z.number().optional(),
    }),
    resource: all,
  }),
};
export type Verdict = (typeof VERDICTS)[number];
