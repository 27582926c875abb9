import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { BindingName, FunctionName } from "../functions/names.ts";
import { FUNCTION_LIMITS } from "../limits.ts";

/** What functions find in `env` beside what their versions hold, and what egress rules name. */

export const SecretValue = z
  .string()
  .min(1, "must not be empty")
  .max(FUNCTION_LIMITS.secretBytes, `must be at most ${FUNCTION_LIMITS.secretBytes} characters`);

const ofFunction = { function: FunctionName.optional().meta({ description: "Of this function; without it of all of the tenant's" }) };
const OfVariable = z.strictObject(ofFunction);
const OfSecret = z
  .strictObject({
    ...ofFunction,
    egress: z.literal(true).optional().meta({ description: "For egress rules alone, which name it: no code gets it" }),
  })
  .refine((of) => of.function === undefined || of.egress === undefined, "must have function or egress, and not both");
export type OfSecret = z.infer<typeof OfSecret>;

const Kept = z.object({ key: z.string(), updatedAt: z.iso.datetime() });
const Deleted = z.object({ deleted: z.boolean() });

/** The resource of a call whose last argument says of which function it is. */
function resourceOf(kind: "secrets" | "variables") {
  return (args: readonly unknown[]): string => `${kind}/${(args.at(-1) as { function?: string } | undefined)?.function ?? ""}`;
}

export const secretMethods = {
  setSecret: defineMethod({
    summary: "Sets a secret of a function, of all of the tenant's, or for egress rules; the next call has it. It is never shown",
    access: "write",
    params: [
      ["key", BindingName],
      ["value", SecretValue],
      ["options", OfSecret.optional()],
    ],
    result: Kept,
    resource: resourceOf("secrets"),
  }),
  listSecrets: defineMethod({
    summary: "The names of the secrets",
    access: "read",
    params: [["options", OfSecret.optional()]],
    result: z.object({ items: z.array(Kept) }),
    resource: resourceOf("secrets"),
  }),
  deleteSecret: defineMethod({
    summary: "Deletes a secret",
    access: "write",
    params: [
      ["key", BindingName],
      ["options", OfSecret.optional()],
    ],
    result: Deleted,
    resource: resourceOf("secrets"),
  }),
  setVariable: defineMethod({
    summary: "Sets a variable of a function, or of all of the tenant's; the next call has it",
    access: "write",
    params: [
      ["key", BindingName],
      ["value", SecretValue],
      ["options", OfVariable.optional()],
    ],
    result: Kept,
    resource: resourceOf("variables"),
  }),
  listVariables: defineMethod({
    summary: "The variables with their values",
    access: "read",
    params: [["options", OfVariable.optional()]],
    result: z.object({ items: z.array(Kept.extend({ value: z.string() })) }),
    resource: resourceOf("variables"),
  }),
  deleteVariable: defineMethod({
    summary: "Deletes a variable",
    access: "write",
    params: [
      ["key", BindingName],
      ["options", OfVariable.optional()],
    ],
    result: Deleted,
    resource: resourceOf("variables"),
  }),
};
