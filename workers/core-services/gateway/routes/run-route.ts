import { DoError, STATUS_BY_CODE, toDoError, type ErrorCode } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import type { Traffic } from "../traffic.ts";
import type { ResponseCache } from "../cache/response-cache.ts";
import { throughCache, type FromCache } from "../cache/through-cache.ts";
import { changed } from "./changes.ts";
import { mustBeJson } from "./json-answer.ts";
import { DEFAULT_TIMEOUT_MS, targetName, type Route, type RouteTarget } from "./route.ts";
import { staticAnswer, targetOf, type RoutedRequest, type Targets } from "./targets.ts";

/** Asking a route's target, on good days and bad ones. */

export interface RunDeps {
  readonly traffic: Remote<Traffic>;
  readonly targets: Targets;
  /** Undefined: no route of the tenant keeps answers. */
  readonly cache: Remote<ResponseCache> | undefined;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

const DEFAULT_CIRCUIT = { failures: 5, openMs: 30_000 };
const DEFAULT_CONCURRENT = 100;
const DEFAULT_BACKOFF_MS = 50;
const FALLBACK_MS = 5_000;
/** A target that says so is asked again; its other answers are answers. */
const RETRIED: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** Why a target was not asked. */
const NOT_ASKED: ReadonlySet<string> = new Set(["CIRCUIT_OPEN", "TARGET_BUSY", "RETRY_BUDGET"]);
/** What may be sent twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export interface Routed {
  readonly route: Route;
  readonly groups: Readonly<Record<string, string>>;
  readonly request: RoutedRequest;
}

/** The same, with the target that it is for this request. */
interface Asked extends Routed {
  readonly target: RouteTarget;
}

/** What came of it: an answer, or the error in its place. */
type Outcome = { readonly response: Response; readonly error: DoError | undefined };

/** Asks the route's target. Answers what the caller gets; a failure without fallback is thrown. */
export async function runRoute(deps: RunDeps, routed: Routed): Promise<Response> {
  const { route, request } = routed;
  const asked: Asked = { ...routed, target: targetOf(route.target, request) };
  const tried: Tried = { outcome: undefined, attempts: 0 };
  const kept = await fromCache(deps, asked, tried).catch((error: unknown) => {
    throw error instanceof DoError ? named(error, asked) : error;
  });
  const { outcome, attempts } = tried;
  if (kept.response) return marked(kept.response, asked, { attempts, cache: kept.status });
  const failure = outcome && failureOf(outcome);
  if (kept.stale && failure !== undefined) {
    await outcome?.response.body?.cancel();
    return marked(kept.stale, asked, { attempts, fallback: failure, cache: kept.status });
  }
  if (failure !== undefined && route.fallback) {
    await outcome?.response.body?.cancel();
    return marked(await fallback(deps, asked, route.fallback), asked, { attempts, fallback: failure });
  }
  if (outcome?.error) throw named(outcome.error, asked);
  if (!outcome) throw new DoError("INTERNAL", "The target of a route was not asked");
  return marked(outcome.response, asked, { attempts });
}

/** What came of asking the target, if it was asked. */
interface Tried {
  outcome: Outcome | undefined;
  attempts: number;
}

/** The answer by way of what is kept. @returns no response when the target failed; `tried` says how */
async function fromCache(deps: RunDeps, asked: Asked, tried: Tried): Promise<Omit<FromCache, "status"> & { status?: string }> {
  const { route, request } = asked;
  // What is waited for belongs to the time that the request has.
  const untilMs = deps.nowMs() + (route.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const ask = async (sent: RoutedRequest) => {
    const { outcome, attempts } = await tryTarget(deps, { ...asked, request: sent }, untilMs);
    Object.assign(tried, { outcome, attempts });
    return outcome.error || failureOf(outcome) !== undefined ? undefined : outcome.response;
  };
  const url = request.url.href;
  if (!deps.cache || !route.cache || "response" in asked.target) {
    const response = await ask(request);
    await forgetChanged(deps, request, response);
    return { response, stale: undefined };
  }
  const isAuthorized = route.auth !== "none" || request.headers.has("authorization");
  const through = { request, key: { url, route: route.name }, options: route.cache, isAuthorized, untilMs, ask };
  const kept = await throughCache({ ...deps, cache: deps.cache }, through);
  await forgetChanged(deps, request, kept.response);
  return kept;
}

/** What is kept of a URL is not what it was when something that may change it went well (RFC 9111, section 4.4). */
async function forgetChanged({ cache }: RunDeps, { method, url }: RoutedRequest, response: Response | undefined): Promise<void> {
  const isUnsafe = method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
  if (cache && isUnsafe && response && response.status < 400) await cache.purge({ by: "urls", of: [url.href] });
}

/** One try after the other, as long as it is safe, allowed and in time. */
async function tryTarget(deps: RunDeps, asked: Asked, untilMs: number): Promise<{ outcome: Outcome; attempts: number }> {
  const { retry } = asked.route;
  const isSafe = IDEMPOTENT.has(asked.request.method) || asked.request.headers.has("idempotency-key");
  const most = retry && isSafe ? retry.attempts : 1;
  const tryMs = retry?.tryMs;
  let outcome = await tryOnce(deps, asked, { isRetry: false, untilMs, tryMs });
  for (let attempts = 1; ; attempts++) {
    const waitMs = waitBefore(outcome, retry?.backoffMs ?? DEFAULT_BACKOFF_MS, attempts, deps.random());
    if (attempts >= most || !isRetried(outcome) || deps.nowMs() + waitMs >= untilMs) return { outcome, attempts };
    // oxlint-disable-next-line no-await-in-loop -- it waits on purpose
    await sleep(waitMs);
    // oxlint-disable-next-line no-await-in-loop -- one try after the other
    const next = await tryOnce(deps, asked, { isRetry: true, untilMs, tryMs });
    // What was not asked again has the answer that it had.
    if (next.error && NOT_ASKED.has(next.error.reason ?? "")) return { outcome, attempts };
    // oxlint-disable-next-line no-await-in-loop -- nobody reads it any more
    await outcome.response.body?.cancel();
    outcome = next;
  }
}

interface Try {
  readonly isRetry: boolean;
  readonly untilMs: number;
  readonly tryMs: number | undefined;
}

async function tryOnce(deps: RunDeps, asked: Asked, { isRetry, untilMs, tryMs }: Try): Promise<Outcome> {
  const { traffic, targets, nowMs, waitUntil } = deps;
  const { route, target } = asked;
  const circuit = route.circuit === false ? undefined : { ...DEFAULT_CIRCUIT, ...withoutUndefined(route.circuit ?? {}) };
  const untilTryMs = Math.min(untilMs, tryMs === undefined ? untilMs : nowMs() + tryMs);
  // What do answers itself is there whatever else is not.
  if ("response" in target) return { response: staticAnswer(target.response), error: undefined };
  const admitted = await traffic.admit(
    { target: targetName(target), circuit, concurrent: route.concurrent ?? DEFAULT_CONCURRENT, isRetry, untilMs: untilTryMs },
    nowMs(),
  );
  if (admitted.kind === "refused") return failed(notAsked(admitted.reason, admitted.retryAfterMs));
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), Math.max(1, untilTryMs - nowMs()));
  let outcome: Outcome;
  try {
    const response = await targets.send(target, { ...asked, signal: timeout.signal });
    outcome = { response: route.json ? await mustBeJson(response, asked.request, timeout.signal) : response, error: undefined };
  } catch (error) {
    outcome = failed(asDoError(error));
  } finally {
    clearTimeout(timer);
  }
  waitUntil(traffic.settle(admitted.lease, failureOf(outcome) === undefined, circuit?.failures, nowMs()));
  return outcome;
}

async function fallback(deps: RunDeps, asked: Asked, to: NonNullable<Route["fallback"]>): Promise<Response> {
  if ("response" in to) return staticAnswer(to.response);
  const other = { ...asked, target: to.target };
  const { response, error } = await tryOnce(deps, other, { isRetry: false, untilMs: deps.nowMs() + FALLBACK_MS, tryMs: undefined });
  if (error) throw named(error, other);
  return response;
}

/** Why an outcome is none that a caller should get, in a word; undefined when it is one. */
function failureOf({ response, error }: Outcome): string | undefined {
  // What is wrong with the request is no failure of the target.
  if (error) return isCallersFault(error) ? undefined : (error.reason ?? error.code);
  return response.status >= 500 ? `STATUS_${response.status}` : undefined;
}

function isCallersFault({ code }: DoError): boolean {
  return code === "INVALID_ARGUMENT";
}

function isRetried({ response, error }: Outcome): boolean {
  if (!error) return RETRIED.has(response.status);
  return error.code === "UPSTREAM" || error.code === "TIMEOUT" || error.code === "UNAVAILABLE";
}

function waitBefore({ response, error }: Outcome, backoffMs: number, attempt: number, random: number): number {
  const asked = Number(response.headers.get("retry-after") ?? 0) * 1_000 || error?.retryAfterMs || 0;
  return Math.max(asked, backoffMs * 2 ** (attempt - 1) * (1 + random / 2));
}

function failed(error: DoError): Outcome {
  return { response: new Response(null, { status: STATUS_BY_CODE[error.code] }), error };
}

function notAsked(reason: "CIRCUIT_OPEN" | "TARGET_BUSY" | "RETRY_BUDGET", retryAfterMs: number): DoError {
  const why = {
    CIRCUIT_OPEN: "it failed too often, and is given time",
    TARGET_BUSY: "it has as many requests at a time as it may",
    RETRY_BUDGET: "too many requests were retries already",
  } as const;
  return new DoError("UNAVAILABLE", `The target is not asked: ${why[reason]}`, { reason, retryAfterMs });
}

/** An error of a target, as the caller of a route may see it: the caller is not the one who lacks a right. */
function asDoError(error: unknown): DoError {
  const known = toDoError(error);
  if (!known) throw error;
  const { code, reason, retryAfterMs, details } = known;
  // The names of secrets are for who makes the rules (gateway.testEgress).
  const message = isSecretsName(details) ? "The target is not asked: its egress rule lacks a secret" : known.message;
  const as = (other: ErrorCode) =>
    new DoError(other, message, { reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }), details });
  const isOurs = code === "PERMISSION_DENIED" || code === "UNAUTHENTICATED" || code === "INTERNAL" || reason === "RESPONSE_TOO_LARGE";
  return isOurs ? as("UPSTREAM") : known;
}

function isSecretsName(details: unknown): boolean {
  const { rule } = (details ?? {}) as { rule?: unknown };
  return rule === "SECRET_MISSING" || rule === "SECRET_UNFIT";
}

function named(error: DoError, { route, target }: Asked): DoError {
  const { code, message, reason, retryable, retryAfterMs, details } = error;
  return new DoError(code, message, {
    reason,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    details: { ...(typeof details === "object" ? details : {}), route: route.name, target: targetName(target) },
  });
}

interface Marks {
  readonly attempts: number;
  readonly fallback?: string;
  readonly cache?: string | undefined;
}

/** The answer, with the headers that say what happened. */
function marked(response: Response, { route, target }: Asked, { attempts, fallback: because, cache }: Marks): Response {
  const headers = changed(response.headers, route.transform?.response);
  for (const name of headersOfDo(headers)) headers.delete(name);
  headers.set("do-route", route.name);
  headers.set("do-target", targetName(target));
  if (attempts > 1) headers.set("do-attempts", String(attempts));
  if (because !== undefined) headers.set("do-fallback", because);
  if (cache !== undefined) headers.append("cache-status", cache);
  return new Response(response.body, { status: response.status, headers });
}

/** What a target says in do's name. */
function headersOfDo(headers: Headers): string[] {
  return [...headers.keys()].filter((name) => /^(?:x-)?do-/.test(name));
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
