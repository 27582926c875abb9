import { parseDirectives, secondsOf, type Directives } from "./directives.ts";

/**
 * What a shared cache may keep and answer (RFC 9111), and while it may be stale (RFC 5861). Pure. `CDN-Cache-Control`
 * (RFC 9213) takes the place of `Cache-Control` and `Expires` where it is there.
 */

export interface CacheOptions {
  /** For answers that say nothing of how long they are fresh; without it those are not kept. */
  readonly ttlSeconds?: number | undefined;
  /** How long after it an answer may stand in for a failure, where it does not say so itself. */
  readonly staleIfErrorSeconds?: number | undefined;
}

/** An answer as it is kept. */
export interface StoredHead {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** When the request for it was sent, and when it came. */
  readonly requestMs: number;
  readonly responseMs: number;
}

/** Statuses that may be kept without a word about it (RFC 9110, section 15.1); not 206, which this cache does not understand. */
const BY_DEFAULT: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
const IF_SAID: ReadonlySet<number> = new Set([...BY_DEFAULT, 302, 307]);

function directivesOf(headers: Headers): { directives: Directives; isTargeted: boolean } {
  const targeted = headers.get("cdn-cache-control");
  if (targeted !== null) return { directives: parseDirectives(targeted), isTargeted: true };
  return { directives: parseDirectives(headers.get("cache-control")), isTargeted: false };
}

/** How long an answer is fresh after it was made, in seconds; undefined when neither it nor the route says so. */
function lifetimeSeconds(status: number, headers: Headers, { ttlSeconds }: CacheOptions): number | undefined {
  const { directives, isTargeted } = directivesOf(headers);
  const said = secondsOf(directives, "s-maxage") ?? secondsOf(directives, "max-age");
  if (said !== undefined) return said;
  const expires = isTargeted ? null : headers.get("expires");
  if (expires !== null) {
    const [atMs, madeMs] = [Date.parse(expires), Date.parse(headers.get("date") ?? "")];
    return Number.isNaN(atMs) || Number.isNaN(madeMs) ? 0 : Math.max(0, (atMs - madeMs) / 1_000);
  }
  return BY_DEFAULT.has(status) ? ttlSeconds : undefined;
}

export interface Storing {
  readonly method: string;
  readonly requestHeaders: Headers;
  /** Whether a credential was needed: then only what says that it is for all is kept (RFC 9111, section 3.5). */
  readonly isAuthorized: boolean;
}

/** Whether an answer may be kept. */
export function mayStore(
  { method, requestHeaders, isAuthorized }: Storing,
  status: number,
  headers: Headers,
  options: CacheOptions,
): boolean {
  const { directives } = directivesOf(headers);
  const asked = parseDirectives(requestHeaders.get("cache-control"));
  if (method !== "GET" || !IF_SAID.has(status) || asked.has("no-store") || requestHeaders.has("range")) return false;
  if (directives.has("no-store") || directives.has("private") || headers.has("set-cookie")) return false;
  if ((headers.get("vary") ?? "").split(",").some((name) => name.trim() === "*")) return false;
  const isForAll = directives.has("public") || directives.has("s-maxage") || directives.has("must-revalidate");
  if (isAuthorized && !isForAll) return false;
  const seconds = lifetimeSeconds(status, headers, options);
  // What is never fresh is worth keeping if it can be asked about.
  return seconds !== undefined && (seconds > 0 || hasValidator(headers) || secondsOf(directives, "stale-while-revalidate") !== undefined);
}

export function hasValidator(headers: Headers): boolean {
  return headers.has("etag") || headers.has("last-modified");
}

/** Seconds since it was made, as far as can be known (RFC 9111, section 4.2.3). */
export function ageSeconds({ headers: entries, requestMs, responseMs }: StoredHead, nowMs: number): number {
  const headers = new Headers(entries.map(([name, value]): [string, string] => [name, value]));
  const madeMs = Date.parse(headers.get("date") ?? "");
  const apparentMs = Number.isNaN(madeMs) ? 0 : Math.max(0, responseMs - madeMs);
  const said = headers.get("age") ?? "";
  const correctedMs = (/^\d+$/.test(said) ? Number(said) * 1_000 : 0) + (responseMs - requestMs);
  return (Math.max(apparentMs, correctedMs) + Math.max(0, nowMs - responseMs)) / 1_000;
}

export interface Verdict {
  /** `fresh`: it is the answer. `stale`: it is, and a new one is asked for. `ask`: the target is asked. */
  readonly kind: "fresh" | "stale" | "ask";
  /** Seconds that it is fresh still; negative when it is not. */
  readonly ttlSeconds: number;
  /** Whether it may stand in for a failure. */
  readonly ifError: boolean;
}

/** What a kept answer is worth for a request now. */
export function evaluate(stored: StoredHead, requestHeaders: Headers, options: CacheOptions, nowMs: number): Verdict {
  const headers = new Headers(stored.headers.map(([name, value]): [string, string] => [name, value]));
  const { directives } = directivesOf(headers);
  const age = ageSeconds(stored, nowMs);
  const ttlSeconds = (lifetimeSeconds(stored.status, headers, options) ?? 0) - age;
  const mustAsk =
    directives.has("must-revalidate") || directives.has("proxy-revalidate") || directives.has("no-cache") || directives.has("s-maxage");
  const ifErrorSeconds = secondsOf(directives, "stale-if-error") ?? options.staleIfErrorSeconds ?? 0;
  // `s-maxage` forbids to be stale (RFC 9111, section 5.2.2.10), but where the answer or its route says otherwise.
  const mayBeStale = !directives.has("must-revalidate") && !directives.has("proxy-revalidate") && !directives.has("no-cache");
  const ifError = mayBeStale && -ttlSeconds < ifErrorSeconds;
  const asks = (): Verdict => ({ kind: "ask", ttlSeconds, ifError });
  if (directives.has("no-cache")) return asks();
  const asked = parseDirectives(requestHeaders.get("cache-control") ?? pragma(requestHeaders));
  if (asked.has("no-cache")) return asks();
  const most = secondsOf(asked, "max-age");
  if (most !== undefined && age > most) return asks();
  if (ttlSeconds < (secondsOf(asked, "min-fresh") ?? 0)) return staleOr(asks());
  if (ttlSeconds > 0) return { kind: "fresh", ttlSeconds, ifError };
  return staleOr(asks());

  function staleOr(otherwise: Verdict): Verdict {
    if (!mayBeStale || ttlSeconds > 0) return otherwise;
    const whileAsking = secondsOf(directives, "stale-while-revalidate") ?? 0;
    if (-ttlSeconds < whileAsking) return { ...otherwise, kind: "stale" };
    const wanted = asked.get("max-stale");
    const isWanted = wanted !== undefined && !mustAsk && (wanted === "" || -ttlSeconds <= (secondsOf(asked, "max-stale") ?? 0));
    return isWanted ? { ...otherwise, kind: "fresh" } : otherwise;
  }
}

function pragma(headers: Headers): string | null {
  return /no-cache/i.test(headers.get("pragma") ?? "") ? "no-cache" : null;
}

/** Whether what the caller has is what there is (RFC 9110, section 13.2.2): then it is told so, without a body. */
export function isUnchanged(requestHeaders: Headers, headers: Headers): boolean {
  const wanted = requestHeaders.get("if-none-match");
  const etag = headers.get("etag");
  if (wanted !== null) {
    if (wanted.trim() === "*") return true;
    const weak = (tag: string) => tag.trim().replace(/^W\//, "");
    return etag !== null && (wanted.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => weak(tag) === weak(etag));
  }
  const since = Date.parse(requestHeaders.get("if-modified-since") ?? "");
  const modified = Date.parse(headers.get("last-modified") ?? "");
  return !Number.isNaN(since) && !Number.isNaN(modified) && modified <= since;
}

/** Of the request's headers those that the answer depends on. */
export function varyOf(requestHeaders: Headers, headers: Headers): [name: string, value: string][] {
  const names = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return [...new Set(names.filter((name) => name !== ""))].toSorted().map((name) => [name, requestHeaders.get(name) ?? ""]);
}

/** The kept headers, with what a 304 says anew (RFC 9111, section 3.2). */
export function refreshed(kept: StoredHead["headers"], said: Headers): [name: string, value: string][] {
  const fixed = new Set(["content-length", "content-encoding", "content-type", "content-range", "transfer-encoding"]);
  const news = [...said].filter(([name]) => !fixed.has(name));
  const names = new Set(news.map(([name]) => name));
  // How old the old one was, it no longer is.
  return [...kept.filter(([name]) => !names.has(name) && name !== "age").map(([name, value]): [string, string] => [name, value]), ...news];
}
