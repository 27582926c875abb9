import { DoError } from "../../../../sdk/src/errors.ts";
import { decide, type Asked, type Decision, type DenyReason } from "./decide.ts";
import { filled, secretsIn, unfitSecret, type NamedSecrets } from "./added-headers.ts";
import { incoming, outgoing, withoutCredentials } from "./headers.ts";
import type { EgressRules, OwnEgressRules } from "./rules.ts";
import { bounded } from "./body.ts";

/** A network, as a service binding has it. */
export interface Network {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Where requests leave do: the rules of a tenant, and the networks that there are. */
export interface WayOut {
  readonly rules: EgressRules;
  /** Of who asks, beside: both must allow a request. */
  readonly ownRules?: OwnEgressRules | undefined;
  /** Public addresses only. That a name does not lead to another one, it sees each time it connects. */
  readonly publicNetwork: Network;
  /** This machine only, for the origins that the operator names; without it nothing here is reached. */
  readonly localNetwork: Network | undefined;
  readonly loopbackOrigins: readonly string[];
  /** Asked for at each request that needs one: they may have changed since the last. */
  readonly secrets: NamedSecrets;
}

export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly redirect: "follow" | "manual";
  /** Of the body of the answer; what is longer breaks off. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** What do itself says, which the sender could not. */
  readonly says?: Readonly<Record<string, string>>;
}

export interface Incoming {
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** As the Fetch standard has it. */
const MAX_REDIRECTS = 20;
const MAX_URL_CHARACTERS = 16_384;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What the Fetch standard lets nobody send. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/**
 * The one way by which requests of code, routes and background work leave do. The rules are asked for each hop, and
 * what they add to a request is not seen by whoever asked.
 * @throws DoError INVALID_ARGUMENT; PERMISSION_DENIED `EGRESS_DENIED`; UPSTREAM; TIMEOUT
 */
export async function guardedRequest(way: WayOut, sent: Outgoing): Promise<Incoming> {
  let url = parseUrl(sent.url);
  let { method, body } = sent;
  if (!/^[A-Z][A-Z-]{0,31}$/.test(method) || FORBIDDEN_METHODS.has(method)) throw invalid(`the method ${method.slice(0, 32)} is not sent`);
  let headers = outgoing(sent.headers);
  for (let hops = 0; ; hops++) {
    const decision = decideBoth(way, { url, method, headers });
    if (decision.kind === "denied") throw egressDenied(url, decision.reason, decision.why);
    if (decision.kind === "answered") return canned(url, hops > 0, decision.answer);
    const added = await addedHeaders(way, url, decision);
    const response = await exchange(way, url, {
      method,
      headers: merged(headers, { ...sent.says, ...added }),
      body,
      signal: sent.signal,
    });
    const location = REDIRECTS.has(response.status) && sent.redirect === "follow" ? response.headers.get("location") : null;
    if (location === null) {
      return {
        url: withoutFragment(url),
        redirected: hops > 0,
        status: response.status,
        headers: incoming(response.headers),
        body: response.body && bounded(response.body, sent.maxBytes, sent.signal),
      };
    }
    await response.body?.cancel();
    if (hops >= MAX_REDIRECTS)
      throw new DoError("UPSTREAM", `Cannot fetch: more than ${MAX_REDIRECTS} redirects`, { reason: "TOO_MANY_REDIRECTS" });
    const next = parseUrl(location, url);
    if (next.origin !== url.origin) headers = withoutCredentials(headers);
    if (response.status === 303 ? method !== "HEAD" : response.status < 303 && method === "POST") {
      [method, body] = ["GET", undefined];
      for (const name of ["content-type", "content-language", "content-location"]) headers.delete(name);
    }
    if (body instanceof ReadableStream)
      throw new DoError("UPSTREAM", "Cannot follow a redirect: the body was sent as a stream", { reason: "REDIRECT_OF_STREAM" });
    url = next;
  }
}

/** What the tenant's rules say, if those of who asks allow it. */
function decideBoth({ rules, ownRules, loopbackOrigins }: WayOut, asked: Asked): Decision {
  const own = ownRules && decide(ownRules, asked, loopbackOrigins);
  return own?.kind === "denied" ? { ...own, why: `${own.why}, of the function's own rules` } : decide(rules, asked, loopbackOrigins);
}

/** @throws DoError PERMISSION_DENIED for a secret that is not there: nothing is sent without it */
async function addedHeaders(
  { secrets }: WayOut,
  url: URL,
  { rule, inject }: Extract<Decision, { kind: "allowed" }>,
): Promise<Record<string, string>> {
  const names = secretsIn(inject);
  const values = names.length > 0 ? await secrets.values(names) : {};
  const unfit = unfitSecret(rule, inject, values);
  if (unfit) throw egressDenied(url, unfit.reason, unfit.why);
  return filled(inject, values);
}

interface Hop {
  readonly method: string;
  readonly headers: Headers;
  readonly body: Outgoing["body"];
  readonly signal: AbortSignal;
}

async function exchange(way: WayOut, url: URL, { method, headers, body, signal }: Hop): Promise<Response> {
  const network = way.loopbackOrigins.includes(url.origin) ? way.localNetwork : way.publicNetwork;
  if (!network) throw egressDenied(url, "PRIVATE_ADDRESS", "there is no way to this machine");
  try {
    return await network.fetch(withoutFragment(url), {
      method,
      headers,
      redirect: "manual",
      signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    if (signal.aborted) throw timedOut(url);
    // Its words are those of the runtime, and may say where a name led to.
    throw new DoError("UPSTREAM", `Cannot fetch ${url.origin}: it could not be reached`, { reason: "UNREACHABLE", retryable: true });
  }
}

export function timedOut(url: URL): DoError {
  return new DoError("TIMEOUT", `Cannot fetch ${url.origin}: it did not answer in time`, { reason: "UPSTREAM_TIMEOUT" });
}

/** @throws DoError INVALID_ARGUMENT */
function parseUrl(text: string, base?: URL): URL {
  if (text.length > MAX_URL_CHARACTERS) throw invalid(`the URL must be at most ${MAX_URL_CHARACTERS} characters`);
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (!url) throw invalid("the URL does not parse");
  if (url.username !== "" || url.password !== "") throw invalid("the URL must have no user and password");
  return url;
}

function merged(headers: Headers, inject: Readonly<Record<string, string>>): Headers {
  const all = new Headers(headers);
  for (const [name, value] of Object.entries(inject)) all.set(name, value);
  // Of all that asks through do, a place can tell that it was do; who it was, it is not told.
  if (!all.has("user-agent")) all.set("user-agent", "do");
  // RFC 8586: a request that comes back to do is known by it.
  if (!all.has("cdn-loop")) all.set("cdn-loop", "do");
  return all;
}

function canned(
  url: URL,
  redirected: boolean,
  answer: { statusCode: number; headers?: Record<string, string> | undefined; body?: string | undefined; contentType?: string | undefined },
): Incoming {
  const { statusCode, headers = {}, body, contentType } = answer;
  const all = new Headers(headers);
  if (contentType !== undefined) all.set("content-type", contentType);
  const hasBody = body !== undefined && ![204, 205, 304].includes(statusCode);
  return { url: withoutFragment(url), redirected, status: statusCode, headers: all, body: hasBody ? new Response(body).body : null };
}

function withoutFragment(url: URL): string {
  const [text = ""] = url.href.split("#");
  return text;
}

export function egressDenied(url: URL, reason: DenyReason, why: string): DoError {
  return new DoError("PERMISSION_DENIED", `Cannot fetch ${url.origin}: ${why} (docs/egress.md)`, {
    reason: "EGRESS_DENIED",
    details: { origin: url.origin, rule: reason },
  });
}

function invalid(why: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot fetch: ${why}`, { reason: "BAD_REQUEST" });
}
