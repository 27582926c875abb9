import * as z from "zod";
import { HeaderName, HeaderValue } from "../egress/rules.ts";

export const IdempotencyKey = z.string().min(1).max(255);
export const WriteOptions = z.strictObject({ idempotencyKey: IdempotencyKey.optional() }).optional();
export const Time = z.string().meta({ description: "ISO 8601, UTC" });

/** A request that is asked about, and not sent. */
export const AnnouncedRequest = z.strictObject({
  url: z.string().max(16_384),
  method: z
    .string()
    .regex(/^[A-Za-z]{1,16}$/)
    .transform((method) => method.toUpperCase())
    .optional(),
  headers: z.record(HeaderName, HeaderValue).optional(),
});
