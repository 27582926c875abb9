import * as z from "zod";
import { isScope } from "../scopes.ts";

const ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}";
const id = (prefix: string, what: string) =>
  z.string().regex(new RegExp(`^${prefix}_${ULID}$`), `must be the id of ${what}: ${prefix}_...`);

export const KeyId = id("key", "an API key");
export const UserId = id("usr", "a user");
export const SessionId = id("ses", "a session");

/** What roles and permissions are given to. */
export const Subject = z.string().regex(new RegExp(`^(?:key|usr)_${ULID}$`), "must be the id of a key (key_...) or of a user (usr_...)");

export const Permission = z.string().refine(isScope, "must be a permission, service:action[:resource], as db:read:orders/*");
export const Permissions = z.array(Permission).max(100, "must be at most 100");

export const RoleName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "must be 1 to 32 of a to z, 0 to 9 and -, and start with a letter");

export const Name = z.string().trim().min(1, "must not be empty").max(100, "must be at most 100 characters");

export const TenantName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_:.@-]{0,127}$/, "must be 1 to 128 letters, digits and _:.@-, and start with a letter or digit");

const NO_MOMENT = "must be a time, as 2027-01-31T12:00:00Z";

/** A moment, as ISO 8601, a Date, or milliseconds since 1970. */
export const Moment = z.union(
  [z.iso.datetime({ offset: true, error: NO_MOMENT }), z.date(), z.int().min(0).max(8_640_000_000_000_000)],
  NO_MOMENT,
);

/** Milliseconds since 1970. */
export function momentMs(moment: z.infer<typeof Moment>): number {
  return new Date(moment).getTime();
}

/** A JSON object of the caller's own. */
export const Meta = z
  .record(z.string().max(64), z.unknown())
  .refine((value) => z.json().safeParse(value).success, "must be JSON")
  .refine((value) => JSON.stringify(value).length <= 4_096, "must be at most 4096 characters as JSON");

export const IdempotencyKey = z.string().min(1).max(255).optional();

export const WriteOptions = z.strictObject({ idempotencyKey: IdempotencyKey });

export const Limit = z.int().min(1).max(1_000).optional().meta({ description: "Default 100" });
export const Cursor = z.string().max(256).optional();
export const DEFAULT_PAGE = 100;

export const Time = z.iso.datetime();

export const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), cursor: z.string().optional() });
