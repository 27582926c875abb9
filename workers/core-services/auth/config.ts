import * as z from "zod";
import { DoError } from "../../../sdk/src/errors.ts";
import { SERVICES } from "../../../sdk/src/types.ts";
import { fitsHost } from "../gateway/routes/table.ts";
import { HostPattern } from "../gateway/routes/route.ts";
import { checkUrl } from "../shared/guarded-fetch.ts";
import { Issuer } from "./jwt/issuers.ts";
import { isScope } from "./scopes.ts";
import { DEFAULT_TIERS, type Tier, type Tiers } from "./tiers.ts";

/** What the operator of a deployment has decided. Trusted, but checked: a mistake in it must be seen. */
export interface Config {
  readonly tiers: Tiers;
  /** The tier of who sends no credential; without it they may read the open routes only. */
  readonly anonymousTier: string | undefined;
  /** Where this deployment is reached: the issuer of its tokens. */
  readonly publicUrl: string | undefined;
  /** Others whose tokens are taken. */
  readonly issuers: readonly Issuer[];
  /** Origins on this machine that documents may be got from; for tests. */
  readonly loopbackOrigins: readonly string[];
  /** Whose routes serve a host, in place of do itself: the operator has seen that it is the tenant's. */
  readonly hosts: ReadonlyMap<string, string>;
}

const MAX_CONFIG_CHARACTERS = 262_144;

export const TierName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "must be a to z, 0 to 9 and -, and start with a letter");
const Count = z.int().min(0).max(1_000_000_000);
const Most = z.int().min(1).max(1_000_000_000);

const Limits = z
  .strictObject({
    wallMs: Count,
    cpuMs: Count,
    memoryMb: Count,
    calls: Count,
    codeBytes: Count,
    inputBytes: Count,
    resultBytes: Count,
    logBytes: Count,
  })
  .partial();

const TierChange = z.strictObject({
  extends: TierName.optional(),
  scopes: z.array(z.string().refine(isScope, "must be a scope, service:action[:resource]")).max(100).optional(),
  services: z.array(z.enum(SERVICES)).optional(),
  mayExecute: z.boolean().optional(),
  limits: Limits.optional(),
  wallMsMost: Count.optional(),
  concurrent: Count.optional(),
  perMinute: Most.nullable().optional(),
  tenantConcurrent: Count.nullable().optional(),
  tenantPerMinute: Most.nullable().optional(),
});

/** A place on the network that is who it says: https, or this machine. */
export function isSecureOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return username === "" && password === "" && (protocol === "https:" || (protocol === "http:" && isLoopback));
}

const PublicUrl = z
  .string()
  .refine((text) => isSecureOrigin(text) && new URL(text).origin === text, "must be an https origin without path, as https://do.example");

const TenantName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_:.@-]{0,127}$/, "must be the name of a tenant");

const Shape = z.strictObject({
  tiers: z.record(TierName, TierChange).optional(),
  anonymousTier: TierName.optional(),
  publicUrl: PublicUrl.optional(),
  issuers: z.array(Issuer).max(50).optional(),
  loopbackOrigins: z
    .array(z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/, "must be as http://127.0.0.1:8080"))
    .max(10)
    .optional(),
  hosts: z.record(HostPattern, TenantName).optional(),
});

let last: { text: string | null | undefined; config: Config } | undefined;

/**
 * The configuration as `DO_CONFIG` has it; parsed once.
 * @throws DoError UNAVAILABLE for what is no configuration: nobody is let in by a guess
 */
export function configOf(text: string | null | undefined): Config {
  if (!last || last.text !== text) last = { text, config: parseConfig(text) };
  return last.config;
}

export function parseConfig(text: string | null | undefined): Config {
  const { tiers = {}, anonymousTier, publicUrl, issuers = [], loopbackOrigins = [], hosts = {} } = text ? parseShape(text) : {};
  const all = new Map(DEFAULT_TIERS);
  for (const [name, change] of Object.entries(tiers)) all.set(name, tierOf(name, change));
  if (anonymousTier !== undefined && !all.has(anonymousTier)) throw broken(`anonymousTier: there is no tier "${anonymousTier}"`);
  for (const [n, issuer] of issuers.entries()) checkIssuer(issuer, `issuers.${n}`, all, loopbackOrigins);
  const own = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;
  const taken = Object.keys(hosts).find((host) => own !== undefined && fitsHost(host, own));
  if (taken !== undefined) throw broken(`hosts.${taken}: it would take the place of do itself, which is at publicUrl`);
  return { tiers: all, anonymousTier, publicUrl, issuers, loopbackOrigins, hosts: new Map(Object.entries(hosts)) };
}

function checkIssuer({ jwksUrl, tier }: Issuer, at: string, tiers: Tiers, loopbackOrigins: readonly string[]): void {
  try {
    checkUrl(jwksUrl, loopbackOrigins);
  } catch (error) {
    throw broken(`${at}.jwksUrl: ${error instanceof Error ? error.message : "is not valid"}`);
  }
  const names = "value" in tier ? [tier.value] : Object.values(tier.values ?? {});
  if ("claim" in tier && !tier.values) throw broken(`${at}.tier: a claim needs values, from what it says to tiers`);
  const unknown = names.find((name) => !tiers.has(name));
  if (unknown !== undefined) throw broken(`${at}.tier: there is no tier "${unknown}"`);
}

function parseShape(text: string): z.infer<typeof Shape> {
  if (text.length > MAX_CONFIG_CHARACTERS) throw broken(`it must be at most ${MAX_CONFIG_CHARACTERS} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken("it is not JSON");
  }
  const parsed = Shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw broken(`${issue?.path.join(".") || "it"}: ${issue?.message ?? "is not valid"}`);
}

/** A tier of the contract with changes, or one of its own that says which it is like. */
function tierOf(name: string, change: z.infer<typeof TierChange>): Tier {
  if (name === "anonymous") throw broken("tiers.anonymous cannot be changed: use anonymousTier");
  const { extends: base = name, limits, ...rest } = change;
  const from = DEFAULT_TIERS.get(base);
  if (!from) throw broken(`tiers.${name}: extends must be one of ${[...DEFAULT_TIERS.keys()].join(", ")}`);
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Partial<Tier>;
  const tier: Tier = { ...from, ...given, limits: { ...from.limits, ...withoutUndefined(limits ?? {}) } };
  if (tier.limits.wallMs > tier.wallMsMost) throw broken(`tiers.${name}: limits.wallMs must be at most wallMsMost (${tier.wallMsMost})`);
  return tier;
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function broken(why: string): DoError {
  return new DoError("UNAVAILABLE", `The configuration (DO_CONFIG) cannot be used: ${why}`, { reason: "CONFIG_INVALID", retryable: false });
}
