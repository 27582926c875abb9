import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { EgressRules, MAX_RULES_CHARACTERS } from "../egress/rules.ts";
import { AnnouncedRequest, Time, WriteOptions } from "./shared.ts";

const Rules = EgressRules.refine((rules) => JSON.stringify(rules).length <= MAX_RULES_CHARACTERS, {
  error: `must be at most ${MAX_RULES_CHARACTERS} characters of JSON`,
});

const Stored = z.object({
  rules: z.unknown().meta({ description: "As they were set; the values of headers that they add are shown as ***" }),
  updatedAt: Time.optional().meta({ description: "Absent while none were set: then nothing is allowed" }),
});

export const egressMethods = {
  getEgress: defineMethod({
    summary: "What code and routes of this tenant may reach of the network",
    access: "read",
    params: [],
    result: Stored,
    resource: () => "egress",
  }),
  setEgress: defineMethod({
    summary: "Sets what code and routes of this tenant may reach of the network; code itself cannot",
    access: "manage",
    params: [
      ["rules", Rules],
      ["options", WriteOptions],
    ],
    result: Stored,
    resource: () => "egress",
  }),
  testEgress: defineMethod({
    summary: "What the rules say of a request, without sending it",
    access: "read",
    params: [["request", AnnouncedRequest]],
    result: z.object({
      allowed: z.boolean(),
      rule: z.string().optional().meta({ description: "The domain of the rules that decided" }),
      reason: z.string().optional(),
      why: z.string().optional(),
      adds: z.array(z.string()).optional().meta({ description: "The names of the headers that would be added" }),
    }),
    resource: () => "egress",
  }),
};
