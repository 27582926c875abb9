import * as z from "zod";

export const IdempotencyKey = z.string().min(1).max(255);
export const WriteOptions = z.strictObject({ idempotencyKey: IdempotencyKey.optional() }).optional();
export const Time = z.string().meta({ description: "ISO 8601, UTC" });
