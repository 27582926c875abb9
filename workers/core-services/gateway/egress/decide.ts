import { isInNetworks } from "../../auth/address.ts";
import { hostOf, isAddress, isPublicHost } from "./place.ts";
import type { AddedValue, EgressRule, EgressRules, Match, RequestMatch } from "./rules.ts";

/** What is asked for, as far as rules look at it. */
export interface Asked {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
}

/** What becomes of a request. `rule` names the domain of the rules that decided. */
export type Decision =
  | { readonly kind: "denied"; readonly reason: DenyReason; readonly why: string }
  | { readonly kind: "allowed"; readonly rule: string; readonly inject: Readonly<Record<string, AddedValue>> }
  | { readonly kind: "answered"; readonly rule: string; readonly answer: NonNullable<EgressRule["response"]> };

export type DenyReason =
  | "SCHEME_NOT_ALLOWED"
  | "PRIVATE_ADDRESS"
  | "PORT_NOT_ALLOWED"
  | "NO_RULE"
  | "SUBNET_DENIED"
  | "INSECURE_SECRET"
  | "SECRET_MISSING"
  | "SECRET_UNFIT";

/**
 * What the rules say of one request, a redirect being another one. Pure. Of the domains that fit the one that says most
 * counts: the name itself, then the longest `*.` of it, then `*`; of its rules the first that matches.
 * @param loopbackOrigins of this machine, which the operator lets do reach; a rule must name them too
 */
export function decide(rules: EgressRules, asked: Asked, loopbackOrigins: readonly string[]): Decision {
  const { url } = asked;
  if (url.protocol !== "https:" && url.protocol !== "http:") return denied("SCHEME_NOT_ALLOWED", "it must be http or https");
  const host = hostOf(url);
  const isLocal = loopbackOrigins.includes(url.origin);
  if (!isLocal && !isPublicHost(host)) return denied("PRIVATE_ADDRESS", "it is no public place");
  if (rules === "deny-all") return denied("NO_RULE", "the rules allow nothing");
  if (rules === "allow-all") return url.port === "" ? allowed("*") : denied("PORT_NOT_ALLOWED", "a port needs a rule that names it");
  const { subnets, allow } = rules;
  if (isAddress(host) && isInNetworks(host, subnets?.deny ?? [])) return denied("SUBNET_DENIED", "its subnet is denied");
  const named = domainFor(allow, host, url, isLocal);
  if (named) return decideByRules(named.domain, named.rules, asked, isLocal);
  if (isAddress(host) && url.port === "" && isInNetworks(host, subnets?.allow ?? [])) return allowed("subnets");
  return denied("NO_RULE", "no rule allows it");
}

/** What the rules say before a request is there: whether some request to this URL could be allowed. */
export function mayReach(rules: EgressRules, url: URL, loopbackOrigins: readonly string[]): Decision {
  const first = decide(rules, { url, method: "GET", headers: new Headers() }, loopbackOrigins);
  if (first.kind !== "denied" || first.reason !== "NO_RULE" || typeof rules === "string") return first;
  const named = domainFor(rules.allow, hostOf(url), url, loopbackOrigins.includes(url.origin));
  return named ? allowed(named.domain) : first;
}

function decideByRules(domain: string, rules: readonly EgressRule[], asked: Asked, isLocal: boolean): Decision {
  if (rules.length === 0) return allowed(domain);
  const rule = rules.find(({ match }) => matches(match, asked));
  if (!rule) return denied("NO_RULE", `no rule of ${domain} matches its method, path, query and headers`);
  if (rule.response) return { kind: "answered", rule: domain, answer: rule.response };
  const inject = Object.fromEntries((rule.transform ?? []).flatMap(({ headers }) => Object.entries(headers)));
  if (Object.keys(inject).length > 0 && asked.url.protocol !== "https:" && !isLocal) {
    return denied("INSECURE_SECRET", "the rule adds headers, which go over https only");
  }
  return { kind: "allowed", rule: domain, inject };
}

interface Named {
  readonly domain: string;
  readonly rules: readonly EgressRule[];
}

function domainFor(allow: Exclude<EgressRules, string>["allow"], host: string, url: URL, isLocal: boolean): Named | undefined {
  const entries = Array.isArray(allow) ? allow.map((domain): [string, EgressRule[]] => [domain, []]) : Object.entries(allow ?? {});
  const rulesOf = new Map(entries);
  const written = isAddress(host) && host.includes(":") ? `[${host}]` : host;
  const port = url.port === "" ? "" : `:${url.port}`;
  const labels = isAddress(host) ? [] : host.split(".");
  const wildcards = labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`);
  // A place of this machine must be named: nobody means it by `*`.
  const names = isLocal ? [written] : [written, ...wildcards, "*"];
  for (const name of names) {
    const rules = rulesOf.get(name + port);
    if (rules) return { domain: name + port, rules };
  }
  return undefined;
}

function matches(match: RequestMatch | undefined, { url, method, headers }: Asked): boolean {
  if (!match) return true;
  if (match.method && !match.method.includes(method)) return false;
  // What one reads as a slash and another does not is in no path that a rule speaks of.
  if (match.path && (/%2f|%5c|%2e|\\/i.test(url.pathname) || !fits(match.path, url.pathname))) return false;
  const inQuery = [...url.searchParams];
  const inHeaders = [...headers];
  const has = (entries: [string, string][], pairs: RequestMatch["headers"]) =>
    (pairs ?? []).every(({ key, value }) => entries.some(([name, at]) => fits(key, name) && (!value || fits(value, at))));
  return has(inQuery, match.queryString) && has(inHeaders, lowercased(match.headers));
}

/** Names of headers have no case; those of queries have. */
function lowercased(pairs: RequestMatch["headers"]): RequestMatch["headers"] {
  return pairs?.map(({ key, ...rest }) => ({
    ...rest,
    key: { exact: key.exact?.toLowerCase(), startsWith: key.startsWith?.toLowerCase() },
  }));
}

function fits({ exact, startsWith }: Match, text: string): boolean {
  return exact === undefined ? text.startsWith(startsWith ?? "") : text === exact;
}

function denied(reason: DenyReason, why: string): Decision {
  return { kind: "denied", reason, why };
}

function allowed(rule: string): Decision {
  return { kind: "allowed", rule, inject: {} };
}
