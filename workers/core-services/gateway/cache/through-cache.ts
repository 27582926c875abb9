import { DoError } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import type { RoutedRequest } from "../routes/targets.ts";
import { evaluate, hasValidator, mayStore, refreshed, varyOf, type CacheOptions, type StoredHead, type Verdict } from "./policy.ts";
import { fromStored, readUpTo, tagsOf, withoutTags } from "./answers.ts";
import { mayCollapse, timesOf } from "./collapse.ts";
import { parseDirectives } from "./directives.ts";
import type { Landing } from "./flights.ts";
import { CACHE_LIMITS, type Boarded, type CacheKey, type Found, type ResponseCache, type StoredAnswer } from "./response-cache.ts";

export interface CacheDeps {
  readonly cache: Remote<ResponseCache>;
  readonly nowMs: () => number;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface CachedRoute extends CacheOptions {
  readonly tags?: readonly string[] | undefined;
}

export interface ThroughCache {
  readonly request: RoutedRequest;
  readonly key: CacheKey;
  readonly options: CachedRoute;
  /** Whether a credential was needed to ask. */
  readonly isAuthorized: boolean;
  /** When the request is over. */
  readonly untilMs: number;
  /** Asks the target; undefined when there is no answer that could be kept: the failure is the asker's to tell. */
  readonly ask: (request: RoutedRequest) => Promise<Response | undefined>;
}

export interface FromCache {
  /** Undefined: the target was asked and failed. */
  readonly response: Response | undefined;
  /** What may stand in for that failure. */
  readonly stale: Response | undefined;
  /** The member of `Cache-Status` (RFC 9211). */
  readonly status: string;
}

/** What only the whole of an answer is asked with. */
const CONDITIONAL = ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range"];

/** Answers a request by what is kept, or asks, and keeps the answer if that is allowed. */
export async function throughCache(deps: CacheDeps, through: ThroughCache): Promise<FromCache> {
  const { request, key } = through;
  if (request.method !== "GET" && request.method !== "HEAD") return bypass(through, "method");
  if (request.headers.has("range") || request.headers.has("if-match") || request.headers.has("if-unmodified-since"))
    return bypass(through, "bypass");
  const found = await deps.cache.find(key, [...request.headers]);
  const { answer: stored } = found;
  const verdict = stored && evaluate(stored, request.headers, through.options, deps.nowMs());
  if (stored && verdict && verdict.kind !== "ask") {
    if (verdict.kind === "stale") deps.waitUntil(refresh(deps, through, found, verdict));
    return {
      response: fromStored(stored, request, deps.nowMs()),
      stale: undefined,
      status: `do; hit; ttl=${Math.floor(verdict.ttlSeconds)}`,
    };
  }
  if (parseDirectives(request.headers.get("cache-control")).has("only-if-cached")) {
    throw new DoError("TIMEOUT", "Nothing is kept that answers the request, and it wants no other (only-if-cached)", {
      reason: "ONLY_IF_CACHED",
      retryable: false,
    });
  }
  if (!mayCollapse(request.method, request.headers)) return forward(deps, through, found, verdict);
  return collapsed(deps, through, found, verdict);
}

/** Equal requests are one to the target, and what of its answer is kept and fresh is the answer to all. */
async function collapsed(deps: CacheDeps, through: ThroughCache, found: Found, verdict: Verdict | undefined): Promise<FromCache> {
  const { request, options } = through;
  const boarded = await board(deps, through, found, "waits");
  if (boarded.kind === "lead") return lead(deps, through, found, verdict, boarded.flight);
  const { answer } = boarded.found;
  const now = answer && evaluate(answer, request.headers, options, deps.nowMs());
  if (boarded.kind === "landed" && answer && now && now.kind !== "ask") {
    const status = `do; fwd=${whyAsked(found, verdict)}; collapsed`;
    return { response: fromStored(answer, request, deps.nowMs()), stale: undefined, status };
  }
  return forward(deps, through, boarded.found, now);
}

/** A stale answer was given; one of those who got it asks for a new one. */
async function refresh(deps: CacheDeps, through: ThroughCache, found: Found, verdict: Verdict): Promise<void> {
  const boarded = await board(deps, through, found, "does not wait");
  if (boarded.kind === "lead") await lead(deps, through, found, verdict, boarded.flight);
  if (boarded.kind === "alone") await forward(deps, through, found, verdict);
}

function board({ cache, nowMs }: CacheDeps, through: ThroughCache, { answer }: Found, wait: "waits" | "does not wait"): Promise<Boarded> {
  const { request, key, isAuthorized, untilMs } = through;
  const times = timesOf(untilMs - nowMs());
  const seen = answer && { id: answer.id, responseMs: answer.responseMs };
  return cache.board({ key, headers: [...request.headers], isAuthorized, seen, ...times, ...(wait === "waits" ? {} : { waitMs: 0 }) });
}

/** Asks for all that wait, and goes on when its own caller goes away. */
function lead(deps: CacheDeps, through: ThroughCache, found: Found, verdict: Verdict | undefined, flight: number): Promise<FromCache> {
  const asking = (async () => {
    let landing: Landing = "failed";
    try {
      const { kept, ...answer } = await forward(deps, through, found, verdict);
      if (answer.response) landing = kept && isFresh(kept, through.options, deps.nowMs()) ? "shared" : "for-one";
      return answer;
    } finally {
      deps.waitUntil(deps.cache.land(flight, landing));
    }
  })();
  deps.waitUntil(asking.catch(() => undefined));
  return asking;
}

function isFresh(kept: StoredHead, options: CacheOptions, nowMs: number): boolean {
  return evaluate(kept, new Headers(), options, nowMs).kind !== "ask";
}

function whyAsked({ answer, others }: Found, verdict: Verdict | undefined): string {
  if (answer) return verdict && verdict.ttlSeconds > 0 ? "request" : "stale";
  return others ? "vary-miss" : "uri-miss";
}

/** An answer, with its head as it is kept. */
interface Forwarded extends FromCache {
  readonly kept?: StoredHead;
}

async function bypass({ request, ask }: ThroughCache, why: string): Promise<FromCache> {
  return { response: await ask(request), stale: undefined, status: `do; fwd=${why}` };
}

async function forward(deps: CacheDeps, through: ThroughCache, found: Found, verdict: Verdict | undefined): Promise<Forwarded> {
  const { request, ask } = through;
  const { answer: stored, since } = found;
  const why = whyAsked(found, verdict);
  // Of a HEAD nothing is kept, and what is kept is not asked about.
  if (request.method === "HEAD")
    return { response: await ask(request), stale: staleFor(deps, through, stored, verdict), status: `do; fwd=${why}` };
  const requestMs = deps.nowMs();
  const answer = await ask({ ...request, headers: conditional(request.headers, stored) });
  const responseMs = deps.nowMs();
  if (!answer)
    return {
      response: undefined,
      stale: staleFor(deps, through, stored, verdict),
      status: `do; hit; fwd=${why}; ttl=${Math.floor(verdict?.ttlSeconds ?? 0)}`,
    };
  if (answer.status === 304 && stored) {
    const headers = refreshed(stored.headers, answer.headers);
    await deps.cache.refresh(stored.id, { headers, requestMs, responseMs });
    const fresh = { ...stored, headers, requestMs, responseMs };
    const status = `do; fwd=${why}; fwd-status=304; stored`;
    return { response: fromStored(fresh, request, responseMs), stale: undefined, status, kept: fresh };
  }
  return keep(deps, through, answer, { requestMs, responseMs, why, since });
}

interface Came {
  readonly requestMs: number;
  readonly responseMs: number;
  readonly why: string;
  readonly since: string;
}

async function keep(
  deps: CacheDeps,
  through: ThroughCache,
  answer: Response,
  { requestMs, responseMs, why, since }: Came,
): Promise<Forwarded> {
  const { request, key, options, isAuthorized } = through;
  const storing = { method: request.method, requestHeaders: request.headers, isAuthorized };
  const asIs = { response: answer, stale: undefined, status: `do; fwd=${why}` };
  if (
    !mayStore(storing, answer.status, answer.headers, options) ||
    Number(answer.headers.get("content-length") ?? 0) > CACHE_LIMITS.entryBytes
  ) {
    return { ...asIs, response: withoutTags(answer) };
  }
  const read = await readUpTo(answer.body, CACHE_LIMITS.entryBytes);
  if (!("bytes" in read)) return { ...asIs, response: withoutTags(new Response(read.rest, answer)) };
  const headers = [...answer.headers];
  if (!answer.headers.has("date")) headers.push(["date", new Date(responseMs).toUTCString()]);
  const tags = [...new Set([...(options.tags ?? []), ...tagsOf(answer.headers)])].slice(0, CACHE_LIMITS.tags);
  const isKept = await deps.cache.put(
    key,
    { status: answer.status, headers, requestMs, responseMs, vary: varyOf(request.headers, answer.headers), tags, body: read.bytes },
    since,
  );
  const stored = { id: 0, status: answer.status, headers, requestMs, responseMs, body: read.bytes };
  const response = fromStored(stored, request, responseMs);
  return isKept ? { ...asIs, response, status: `do; fwd=${why}; stored`, kept: stored } : { ...asIs, response };
}

function staleFor(
  deps: CacheDeps,
  { request }: ThroughCache,
  stored: StoredAnswer | undefined,
  verdict: Verdict | undefined,
): Response | undefined {
  return stored && verdict?.ifError ? fromStored(stored, request, deps.nowMs()) : undefined;
}

/** The whole is asked for, or whether what is kept has changed: what the caller has is compared here. */
function conditional(requestHeaders: Headers, stored: StoredAnswer | undefined): Headers {
  const headers = new Headers(requestHeaders);
  for (const name of CONDITIONAL) headers.delete(name);
  const kept = new Headers(stored?.headers.map(([name, value]): [string, string] => [name, value]));
  if (!stored || !hasValidator(kept)) return headers;
  const [etag, modified] = [kept.get("etag"), kept.get("last-modified")];
  if (etag !== null) headers.set("if-none-match", etag);
  if (modified !== null) headers.set("if-modified-since", modified);
  return headers;
}
