/** Headers, as pairs in the order in which they came: what must be refused, and what goes on. */
import { isIPv6 } from "node:net";
import { badRequest } from "./refusal.ts";

export type Headers = readonly (readonly [name: string, value: string])[];

/** From Node's flat list. */
export function pairs(raw: readonly string[]): Headers {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? "", raw[2 * i + 1] ?? ""] as const);
}

export function valuesOf(headers: Headers, wanted: string): string[] {
  return headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
}

/** Two of them would be read in two ways, by us and by what comes after us. */
const ONCE: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "content-type",
  "authorization",
  "origin",
  "expect",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
]);

/** @throws Refusal 400 */
export function checkHeaders(headers: Headers): void {
  const seen = new Set<string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (ONCE.has(lower) && seen.has(lower)) throw badRequest("DUPLICATE_HEADER", `There must be one ${lower} header`);
    seen.add(lower);
    // Node's parser refuses them; this is for the day when it does not.
    // oxlint-disable-next-line no-control-regex
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(value)) throw badRequest("BAD_HEADER", "A header must not have control characters");
  }
}

/** @throws Refusal 400 */
export function hostOf(headers: Headers): string {
  const [host] = valuesOf(headers, "host");
  if (host === undefined) throw badRequest("BAD_HOST", "There must be a Host header");
  const [, ipv6, , port] = /^(?:\[([^\]]*)\]|([\w.-]{1,255}))(?::(\d{1,5}))?$/.exec(host) ?? [undefined, ""];
  const isNamed = ipv6 === undefined || isIPv6(ipv6);
  if (!isNamed || Number(port ?? 0) > 65_535) throw badRequest("BAD_HOST", "The Host header must be a name or an address, and a port");
  return host;
}

/** RFC 9110 7.6.1, and what older proxies still send. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** What a proxy in front of us might say of a caller, or what changes a request's meaning: from outside it is a claim. */
const CLAIMS: ReadonlySet<string> = new Set([
  "forwarded",
  "via",
  "true-client-ip",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-url",
  "x-original-host",
  "x-rewrite-url",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  // Set by us, or not passed on.
  "expect",
  "traceparent",
  "tracestate",
]);
const CLAIM_PREFIXES = ["x-forwarded-", "x-do-", "cf-"] as const;

/** The caller's headers that go on to the front. Framing and what we know ourselves are added by who sends them. */
export function requestHeaders(headers: Headers): Headers {
  return endToEnd(headers).filter(([name]) => {
    // Some servers read X_Do_Peer as X-Do-Peer.
    const plain = name.toLowerCase().replaceAll("_", "-");
    return (
      plain !== "host" && plain !== "content-length" && !CLAIMS.has(plain) && !CLAIM_PREFIXES.some((prefix) => plain.startsWith(prefix))
    );
  });
}

/** The front's headers that go on to the caller. */
export function responseHeaders(headers: Headers): Headers {
  return endToEnd(headers).filter(([name]) => {
    const lower = name.toLowerCase();
    return lower !== "x-request-id" && !lower.startsWith("x-do-");
  });
}

function endToEnd(headers: Headers): Headers {
  const named = valuesOf(headers, "connection").flatMap((value) => value.split(",").map((name) => name.trim().toLowerCase()));
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return headers.filter(([name]) => !dropped.has(name.toLowerCase().replaceAll("_", "-")) && !dropped.has(name.toLowerCase()));
}
