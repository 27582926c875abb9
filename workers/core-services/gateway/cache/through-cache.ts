import { DoError } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import { joined } from "../egress/body.ts";
import type { RoutedRequest } from "../routes/targets.ts";
import { hasNoBody } from "../routes/targets.ts";
import { ageSeconds, evaluate, hasValidator, isUnchanged, mayStore, refreshed, varyOf, type CacheOptions, type Verdict } from "./policy.ts";
import { parseDirectives } from "./directives.ts";
import { CACHE_LIMITS, type CacheKey, type Found, type ResponseCache, type StoredAnswer } from "./response-cache.ts";

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
    if (verdict.kind === "stale") deps.waitUntil(forward(deps, through, found, verdict));
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
  return forward(deps, through, found, verdict);
}

async function bypass({ request, ask }: ThroughCache, why: string): Promise<FromCache> {
  return { response: await ask(request), stale: undefined, status: `do; fwd=${why}` };
}

async function forward(
  deps: CacheDeps,
  through: ThroughCache,
  { answer: stored, others, since }: Found,
  verdict: Verdict | undefined,
): Promise<FromCache> {
  const { request, ask } = through;
  const why = stored ? (verdict && verdict.ttlSeconds > 0 ? "request" : "stale") : others ? "vary-miss" : "uri-miss";
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
    return { response: fromStored(fresh, request, responseMs), stale: undefined, status: `do; fwd=${why}; fwd-status=304; stored` };
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
): Promise<FromCache> {
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
  return { ...asIs, response: fromStored(stored, request, responseMs), status: `do; fwd=${why}${isKept ? "; stored" : ""}` };
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

/** A kept answer for a caller: its age said; without a body for who has it, and for HEAD. */
function fromStored(stored: StoredAnswer, request: RoutedRequest, nowMs: number): Response {
  const headers = new Headers(stored.headers.map(([name, value]): [string, string] => [name, value]));
  headers.delete("cache-tag");
  headers.set("age", String(Math.floor(ageSeconds(stored, nowMs))));
  const unchanged = stored.status === 200 && isUnchanged(request.headers, headers);
  const status = unchanged ? 304 : stored.status;
  return new Response(request.method === "HEAD" || hasNoBody(status) ? null : stored.body, { status, headers });
}

function withoutTags(answer: Response): Response {
  const headers = new Headers(answer.headers);
  headers.delete("cache-tag");
  return new Response(answer.body, { status: answer.status, headers });
}

function tagsOf(headers: Headers): string[] {
  return (headers.get("cache-tag") ?? "")
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "" && tag.length <= 128);
}

/** All of a body, or, where it is more than that, a stream that begins anew. */
async function readUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<{ bytes: Uint8Array } | { rest: ReadableStream }> {
  if (!body) return { bytes: new Uint8Array() };
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; size <= maxBytes;) {
    // oxlint-disable-next-line no-await-in-loop -- a stream is read in order
    const { done, value } = await reader.read();
    if (done) return { bytes: joined(chunks) };
    chunks.push(value);
    size += value.byteLength;
  }
  const rest = new ReadableStream({
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const next = chunks.shift() ?? (await reader.read()).value;
      if (next) controller.enqueue(next);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { rest };
}
