import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { SERVICES } from "../../../../sdk/src/types.ts";
import { Time } from "./shared.ts";

const EXECUTION_LIMITS = ["wallMs", "cpuMs", "memoryMb", "calls", "codeBytes", "inputBytes", "resultBytes", "logBytes"] as const;

const RateState = z.object({
  name: z.string(),
  limit: z.int(),
  windowSeconds: z.number(),
  remaining: z.int(),
  resetSeconds: z.number(),
});

export const WhoAmIResult = z.object({
  principal: z.object({ kind: z.string(), id: z.string(), tenant: z.string(), tier: z.string() }),
  scopes: z.array(z.string()),
  services: z.array(z.enum(SERVICES)),
  limits: z.object({
    ...(Object.fromEntries(EXECUTION_LIMITS.map((name) => [name, z.number()])) as Record<(typeof EXECUTION_LIMITS)[number], z.ZodNumber>),
    wallMsMost: z.number(),
    concurrent: z.number(),
    perMinute: z.number().nullable(),
    tenantConcurrent: z.number().nullable(),
    tenantPerMinute: z.number().nullable(),
  }),
  credential: z.object({ id: z.string(), expiresAt: Time.optional() }).optional(),
  rates: z.array(RateState).optional(),
});

export const selfMethods = {
  whoami: defineMethod({
    summary: "Who the credential stands for: principal, scopes, limits, and how much of them is left",
    access: "read",
    params: [],
    result: WhoAmIResult,
    open: true,
  }),
};
