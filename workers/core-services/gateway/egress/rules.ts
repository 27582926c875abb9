import * as z from "zod";
import { isNetwork } from "../../auth/address.ts";
import { BindingName } from "../functions/names.ts";
import { FIXED_HEADERS } from "./headers.ts";

/** What code may reach of the network: the shape of Vercel's `NetworkPolicy`. Without rules it is nothing. */

const Text = z.string().max(1_024);

/** One of the two; patterns of backtracking are not among them, since they would be run here, outside of the code's process. */
const Match = z
  .strictObject({ exact: Text.optional(), startsWith: Text.optional() })
  .refine(({ exact, startsWith }) => (exact === undefined) !== (startsWith === undefined), "must have exact or startsWith, and not both");

const Pair = z.strictObject({ key: Match, value: Match.optional() });

export const HeaderName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, "must be a header's name")
  .transform((name) => name.toLowerCase());
export const HeaderValue = z
  .string()
  .max(8_192)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, "must be a header's value: one line")
  .refine((value) => value === value.trim(), "must not begin or end with a space");

/** What stands where a value is not shown. */
const HIDDEN = "***";

/** A secret of the tenant by its name: read when a request is sent, so that it can be another one without other rules. */
const NamedSecret = z.strictObject({
  secret: BindingName,
  prefix: z
    .string()
    .max(64)
    .regex(/^[\t\x20-\x7e]*$/, "must be one line")
    .optional(),
});

const SetName = HeaderName.refine((name) => !FIXED_HEADERS.has(name), "is a header that do itself sets");
const Headers = z.record(SetName, HeaderValue);
const AddedHeaders = z.record(
  SetName,
  z.union([
    // Rules that were shown and are set again would send it.
    HeaderValue.refine((value) => value !== HIDDEN, `must be a value, or { "secret": NAME }: ${HIDDEN} stands for one that is not shown`),
    NamedSecret,
  ]),
);

const RequestMatch = z.strictObject({
  method: z
    .array(z.string().regex(/^[A-Z]{1,16}$/, "must be a method, as GET"))
    .min(1)
    .max(16)
    .optional(),
  path: Match.optional(),
  queryString: z.array(Pair).max(16).optional(),
  headers: z.array(Pair).max(16).optional(),
});

const Answer = z.strictObject({
  statusCode: z.int().min(200).max(599),
  headers: Headers.optional(),
  body: z.string().max(65_536).optional(),
  contentType: HeaderValue.optional(),
});

const Rule = z
  .strictObject({
    match: RequestMatch.optional(),
    transform: z
      .array(z.strictObject({ headers: AddedHeaders }))
      .max(8)
      .optional(),
    response: Answer.optional(),
  })
  .refine(({ transform, response }) => !transform || !response, "has transform or response, and not both");

const DOMAIN = /^(?:\*|(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/;
const Domain = z
  .string()
  .max(260)
  .transform((name) => name.toLowerCase())
  .refine((name) => DOMAIN.test(name), "must be a domain, as api.example.com, *.example.com, api.example.com:8443 or *");

const Subnets = z.array(z.string().refine(isNetwork, "must be a network, as 192.0.2.0/24")).max(100);

const Custom = z.strictObject({
  allow: z.union([z.array(Domain).max(200), z.record(Domain, z.array(Rule).max(50))]).optional(),
  subnets: z.strictObject({ allow: Subnets.optional(), deny: Subnets.optional() }).optional(),
});

export const EgressRules = z.union([z.enum(["allow-all", "deny-all"]), Custom]);
export type EgressRules = z.output<typeof EgressRules>;
export type EgressRule = z.output<typeof Rule>;
export type RequestMatch = z.output<typeof RequestMatch>;
export type Match = z.output<typeof Match>;
/** The value of a header that a rule adds: written down, or a secret by its name. */
export type AddedValue = z.output<typeof AddedHeaders>[string];

/** Of one function. It narrows what its tenant's rules allow: what is added to requests, and answered in their place, is theirs. */
export const OwnEgressRules = z.union([
  z.enum(["allow-all", "deny-all"]),
  Custom.extend({
    allow: z
      .union([z.array(Domain).max(200), z.record(Domain, z.array(z.strictObject({ match: RequestMatch.optional() })).max(50))])
      .optional(),
  }),
]);
export type OwnEgressRules = z.output<typeof OwnEgressRules>;

export const DENY_ALL: EgressRules = "deny-all";

/** Most characters of a tenant's rules as JSON. */
export const MAX_RULES_CHARACTERS = 262_144;

/** The rules without the values that they put into requests: those are written and never read. Which secrets they name is shown. */
export function withoutSecrets(rules: EgressRules): EgressRules {
  if (typeof rules === "string" || rules.allow === undefined || Array.isArray(rules.allow)) return rules;
  const hide = (headers: Record<string, AddedValue>) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? HIDDEN : value]));
  const hidden = ({ transform, ...rule }: EgressRule): EgressRule =>
    transform ? { ...rule, transform: transform.map(({ headers }) => ({ headers: hide(headers) })) } : rule;
  const allow = Object.fromEntries(Object.entries(rules.allow).map(([domain, ofDomain]) => [domain, ofDomain.map(hidden)]));
  return { ...rules, allow };
}
