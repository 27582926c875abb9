import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { Limit, page, Time } from "./shared.ts";

export const AuditEntry = z.object({
  at: Time,
  actor: z.object({ kind: z.string(), id: z.string() }),
  action: z.string(),
  object: z.string(),
  requestId: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const auditMethods = {
  listAudit: defineMethod({
    summary: "Who did what with credentials and rights of the tenant, newest first",
    access: "read",
    params: [
      [
        "options",
        z
          .strictObject({
            actor: z.string().max(128).optional(),
            action: z.string().max(64).optional(),
            object: z.string().max(128).optional(),
            limit: Limit,
            cursor: z
              .string()
              .regex(/^\d{1,15}$/, "must be the cursor of a page")
              .optional(),
          })
          .optional(),
      ],
    ],
    result: page(AuditEntry),
    resource: () => "audit/",
  }),
};
