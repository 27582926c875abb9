import type { HeaderList } from "../executor/guest/function-protocol.ts";

/** What of a path under /fn says which function, and what is left for it. */
export interface FunctionPath {
  readonly tenant: string;
  readonly name: string;
  /** As it came, from its slash on: decided on once, and forwarded as it was decided. */
  readonly rest: string;
}

const PATH = /^\/fn\/([^/]{1,384})\/([A-Za-z0-9_][A-Za-z0-9_-]{0,59})(\/.*)?$/;
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_:.@-]{0,127}$/;

/** Pure. @param pathname of a URL that was parsed: without dots that lead elsewhere @returns undefined for what names no function */
export function functionPathOf(pathname: string): FunctionPath | undefined {
  const [, encoded = "", name = "", rest = "/"] = PATH.exec(pathname) ?? [];
  const tenant = decoded(encoded);
  return tenant !== undefined && TENANT.test(tenant) && name !== "" ? { tenant, name, rest } : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * What a function is not told: the caller's credential for do, what belongs to one connection (RFC 9110, section 7.6.1),
 * and what somebody could claim to be said by do or by the edge.
 */
const NOT_SENT = new Set([
  "authorization",
  "cookie",
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "forwarded",
  "x-real-ip",
  "content-length",
]);
const NOT_SENT_BEGINNINGS = ["x-do-", "x-forwarded-", "cf-", "cloudflare-workers-"];

/**
 * What a function does not say: of the connection, and what would speak for all that is at this origin, where others'
 * functions and do itself are too.
 */
const NOT_ANSWERED = new Set([
  "set-cookie",
  "clear-site-data",
  "strict-transport-security",
  "public-key-pins",
  "service-worker-allowed",
  "alt-svc",
  "nel",
  "report-to",
  "reporting-endpoints",
  "origin-agent-cluster",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-request-id",
  "x-execution-id",
  "ratelimit",
  "ratelimit-policy",
]);

export function requestHeaders(headers: Iterable<[string, string]>): HeaderList {
  const all = [...headers];
  const named = namedByConnection(all);
  return all.filter(
    ([name]) => !NOT_SENT.has(name) && !named.has(name) && !NOT_SENT_BEGINNINGS.some((beginning) => name.startsWith(beginning)),
  );
}

export function responseHeaders(headers: HeaderList): [string, string][] {
  const named = namedByConnection(headers);
  return headers.flatMap(([name, value]): [string, string][] => {
    const lower = name.toLowerCase();
    return NOT_ANSWERED.has(lower) || named.has(lower) || lower.startsWith("x-do-") ? [] : [[lower, value]];
  });
}

/** Headers that `connection` says are its own. */
function namedByConnection(headers: Iterable<readonly [string, string]>): Set<string> {
  return new Set(
    [...headers].flatMap(([name, value]) =>
      name.toLowerCase() === "connection" ? value.split(",").map((one) => one.trim().toLowerCase()) : [],
    ),
  );
}

const OVERRIDE = /(?:^|,)\s*([A-Za-z0-9_][A-Za-z0-9_-]{0,59})\s*=\s*"([^"\\]{1,64})"\s*(?=,|$)/g;

/** Which version a `Cloudflare-Workers-Version-Overrides` names for the function: a dictionary of RFC 9651 with strings. */
export function versionOverride(field: string | null, name: string): string | undefined {
  if (field === null || field.length > 4_096) return undefined;
  return [...field.matchAll(OVERRIDE)].find(([, named]) => named === name)?.[2];
}
