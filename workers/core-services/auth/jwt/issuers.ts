import * as z from "zod";
import { createHash } from "node:crypto";
import { PLATFORM_TENANT } from "../actor.ts";
import { isScope } from "../scopes.ts";
import { ALGORITHMS } from "./shape.ts";

const Claim = z.string().min(1).max(200);
const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_:.@-]{0,127}$/);

/** A value for all, or the one that a claim leads to. A claim that `values` does not have leads nowhere. */
const Mapping = z.union([
  z.strictObject({ value: Name }),
  z.strictObject({ claim: Claim, values: z.record(z.string().max(255), Name).optional() }),
]);

const Url = z
  .string()
  .max(2_048)
  .refine((text) => URL.canParse(text), "must be a URL");

/** Somebody else's tokens that are taken here, and what they are taken for. */
export const Issuer = z.strictObject({
  issuer: Url,
  jwksUrl: Url,
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(["RS256", "ES256"]),
  tenant: Mapping,
  tier: Mapping.default({ value: "tenant" }),
  scopes: z
    .union([z.strictObject({ value: z.array(z.string().refine(isScope)).max(100) }), z.strictObject({ claim: Claim })])
    .default({ claim: "scope" }),
});
export type Issuer = z.infer<typeof Issuer>;

export interface ExternalIdentity {
  readonly id: string;
  readonly tenant: string;
  readonly tier: string;
  readonly scopes: readonly string[];
}

/** Who somebody else's token stands for here; undefined when its claims lead to no tenant or tier. */
export function identityOf(issuer: Issuer, sub: string, claims: Record<string, unknown>): ExternalIdentity | undefined {
  const tenant = mapped(issuer.tenant, claims);
  const tier = mapped(issuer.tier, claims);
  // The operator's own tenant is named by the configuration, never by a token.
  const isNamedByToken = "claim" in issuer.tenant && issuer.tenant.values === undefined;
  if (tenant === undefined || tier === undefined || (isNamedByToken && (tenant === PLATFORM_TENANT || tenant.startsWith("usr_")))) {
    return undefined;
  }
  const id = `jwt_${createHash("sha256")
    .update(JSON.stringify([issuer.issuer, sub]))
    .digest("hex")
    .slice(0, 40)}`;
  return { id, tenant, tier, scopes: scopesOf(issuer.scopes, claims) };
}

function mapped(mapping: z.infer<typeof Mapping>, claims: Record<string, unknown>): string | undefined {
  if ("value" in mapping) return mapping.value;
  const value = Object.hasOwn(claims, mapping.claim) ? claims[mapping.claim] : undefined;
  if (typeof value !== "string") return undefined;
  if (mapping.values) return Object.hasOwn(mapping.values, value) ? mapping.values[value] : undefined;
  return Name.safeParse(value).success ? value : undefined;
}

/** A claim of scopes is a text with spaces (RFC 9068), or a list. What is no scope of ours grants nothing. */
function scopesOf(scopes: Issuer["scopes"], claims: Record<string, unknown>): string[] {
  if ("value" in scopes) return scopes.value;
  const value = Object.hasOwn(claims, scopes.claim) ? claims[scopes.claim] : undefined;
  const all: unknown[] = typeof value === "string" ? value.split(" ") : Array.isArray(value) ? value : [];
  return all.filter((scope): scope is string => typeof scope === "string" && isScope(scope)).slice(0, 100);
}
