import { exports } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { configOf } from "../../../core-services/auth/config.ts";
import { looksLikeJwt } from "../../../core-services/auth/jwt/shape.ts";
import { responseCacheOf } from "../../../core-services/gateway/cache/response-cache.ts";
import { changed } from "../../../core-services/gateway/routes/changes.ts";
import { sayWhoMayRead } from "../../../core-services/gateway/routes/cors.ts";
import { isAmbiguous } from "../../../core-services/gateway/routes/pattern.ts";
import { ROUTE_METHODS } from "../../../core-services/gateway/routes/methods.ts";
import { routedPlace, type RoutedPlace } from "../../../core-services/gateway/routes/place.ts";
import type { Route } from "../../../core-services/gateway/routes/route.ts";
import { isRouted } from "../../../core-services/gateway/routes/routed-tenants.ts";
import { runRoute } from "../../../core-services/gateway/routes/run-route.ts";
import type { StoredRoute } from "../../../core-services/gateway/routes/route-store.ts";
import { TenantTargets, type AskFunction, type RoutedRequest } from "../../../core-services/gateway/routes/targets.ts";
import { trafficOf, type MatchFound } from "../../../core-services/gateway/traffic.ts";
import type { RateState } from "../../../core-services/auth/gcra.ts";
import { backgroundOf } from "../../../core-services/shared/background.ts";
import { denied } from "../capabilities.ts";
import { DoError, publicError } from "../errors.ts";
import { wayOutOfTenant } from "../executor/network.ts";
import { askForRoute } from "../functions/for-route.ts";
import { allows } from "../policy.ts";
import { Session } from "../session.ts";
import { readBytes } from "./body.ts";
import { answeredPreflight } from "./preflight.ts";
import { HttpError, problem } from "./problem.ts";
import { rateFields } from "./rate.ts";

/** Bytes of the body of a request that a route passes on. */
const MAX_ROUTED_BODY_BYTES = 16 * 1024 * 1024;
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const METHODS: ReadonlySet<string> = new Set(ROUTE_METHODS);
/** What would hold for everything on the origin, which other tenants' routes and do itself are on. */
const OF_THE_ORIGIN = [
  "set-cookie",
  "clear-site-data",
  "service-worker-allowed",
  "strict-transport-security",
  "alt-svc",
  "public-key-pins",
  "refresh",
];

/** Whose routes a request is for; undefined: it is for do itself. */
export function placeOf(url: URL, session: Session): RoutedPlace | undefined {
  return routedPlace(url, configOf(Session.depsOf(session).env.DO_CONFIG).hosts);
}

/** Answers a request by the routes of a tenant. All that goes wrong is a problem in JSON. */
export async function answerRouted(request: Request, session: Session, place: RoutedPlace): Promise<Response> {
  const { env, circumstances } = Session.depsOf(session);
  const { requestId } = circumstances;
  try {
    const { tenant, path, isOwnHost } = place;
    checkRequest(request, path);
    if (!isOwnHost && !(await isRouted(env, tenant))) throw noRoute();
    const traffic = trafficOf(env, tenant);
    const host = isOwnHost ? new URL(request.url).hostname : "";
    const preflight = await answeredPreflight(traffic, { request, host, path, requestId });
    if (preflight) return preflight;
    const { method } = request;
    const matched = await traffic.match({ method, host, path, headers: [...request.headers] });
    if (!matched.found) throw otherMethod(matched, method) ?? noRoute();
    const { cors } = matched.found.stored.route;
    const answer = await routed(request, session, place, { ...matched, found: matched.found }).catch((error: unknown) =>
      failed(error, requestId),
    );
    // Of a problem, too: a page that may use the route sees what went wrong.
    if (cors) sayWhoMayRead(answer.headers, cors, request.headers.get("origin"));
    return answer;
  } catch (error) {
    return failed(error, requestId);
  }
}

function failed(error: unknown, requestId: string): Response {
  const response = problem(error, requestId);
  const { route, target } = (publicError(error, requestId).details ?? {}) as { route?: unknown; target?: unknown };
  if (typeof route === "string") response.headers.set("do-route", route);
  if (typeof target === "string") response.headers.set("do-target", target);
  return response;
}

type Found = MatchFound & { readonly found: NonNullable<MatchFound["found"]> };

async function routed(request: Request, session: Session, { tenant, path, isOwnHost }: RoutedPlace, matched: Found): Promise<Response> {
  const { env, now, waitUntil, circumstances } = Session.depsOf(session);
  const { cdnLoop } = circumstances;
  const traffic = trafficOf(env, tenant);
  const { stored, groups } = matched.found;
  const { route } = stored;
  const caller = route.auth === "none" ? undefined : await callerOf(request, session, tenant, route);
  const rate = await takeRate(session, tenant, route, request, caller);
  const routedRequest = await toRouted(request, session, { route, path, isOwnHost }, caller);
  const askFunction = askerOf(session, stored);
  const background = backgroundOf({ exports }, { sponsor: stored.sponsor, cause: { kind: "route", name: route.name } });
  const targets = new TenantTargets(() => wayOutOfTenant(env, tenant, cdnLoop), background, askFunction);
  const cache = matched.isCached ? responseCacheOf(env, tenant) : undefined;
  const deps = { traffic, targets, cache, nowMs: now, random: Math.random, waitUntil };
  const answer = await runRoute(deps, { route, groups, request: routedRequest });
  for (const [name, value] of rate ? rateFields([rate]) : []) answer.headers.set(name, value);
  return isOwnHost ? answer : withoutOrigin(answer);
}

/** @throws DoError for what no route takes */
function checkRequest(request: Request, path: string): void {
  if (!METHODS.has(request.method))
    throw new HttpError(405, "METHOD_NOT_ALLOWED", "The method is none that routes take", { allow: [...METHODS].join(", ") });
  if (request.headers.has("upgrade")) throw new DoError("UNSUPPORTED", "Routes take no upgrade", { reason: "UPGRADE" });
  if (isAmbiguous(path)) {
    throw new DoError(
      "INVALID_ARGUMENT",
      "The path must have no empty segment, and no encoded slash, backslash or dot: it could be read in two ways",
      {
        reason: "AMBIGUOUS_PATH",
      },
    );
  }
}

/** Functions are asked in this request, and as who made the route, who is looked up each time. */
function askerOf(session: Session, { sponsor, route }: StoredRoute): AskFunction {
  const deps = Session.depsOf(session);
  const circumstances = { ...deps.circumstances, isGuest: sponsor.isGuest, cause: `route:${route.name}` };
  return async (asked) => {
    const maker = await Session.onBehalf({ ...deps, circumstances }, sponsor);
    return askForRoute(deps, Session.authorityOf(maker), asked);
  };
}

/** The session of who asks: of this tenant, with the scope that the route needs. */
async function callerOf(request: Request, session: Session, tenant: string, route: Route): Promise<Session> {
  const header = request.headers.get("authorization");
  const [, credential] = /^Bearer +([\w~+/.=:-]+)$/i.exec(header ?? "") ?? [];
  const caller = credential === undefined ? session : await session.authenticate(credential);
  if (Session.principalOf(caller).kind === "anonymous") {
    throw new DoError("UNAUTHENTICATED", "Send a credential: Authorization: Bearer ...", { reason: "NO_CREDENTIAL" });
  }
  if (caller === session) await Session.count(caller);
  if (Session.principalOf(caller).tenant !== tenant) {
    throw new DoError("PERMISSION_DENIED", "The credential is of another tenant than the route", { reason: "OTHER_TENANT" });
  }
  const access = SAFE.has(request.method) ? "read" : "write";
  const resource = `routes/${route.name}`;
  if (!allows(Session.policyOf(caller).scopes, "gateway", access, resource)) {
    const { env } = Session.depsOf(session);
    throw await denied(env, Session.authorityOf(caller), "Cannot use the route", `gateway:${access}:${resource}`);
  }
  return caller;
}

async function takeRate(
  session: Session,
  tenant: string,
  route: Route,
  request: Request,
  caller: Session | undefined,
): Promise<RateState | undefined> {
  if (!route.rateLimit) return undefined;
  const { limit, windowMs, by = "address" } = route.rateLimit;
  const { env, now, circumstances } = Session.depsOf(session);
  const who = () => {
    if (by === "all") return "";
    if (by === "principal") return caller ? Session.principalOf(caller).id : "";
    if (by === "address") return circumstances.address ?? "";
    return (request.headers.get(by.header) ?? "").slice(0, 255);
  };
  const key = `r:${route.name}:${typeof by === "string" ? by : by.header}:${who()}`;
  const taken = await trafficOf(env, tenant).takeRate({ name: route.name, key, limit, windowMs, cost: 1 }, now());
  if (taken.allowed) return taken.state;
  throw new DoError("RATE_LIMITED", "Too many requests: one is admitted again after the time that retryAfterMs says", {
    reason: "ROUTE_RATE",
    retryAfterMs: taken.retryAfterMs,
    details: { rates: [taken.state], route: route.name },
  });
}

/** The request as the target gets it: without the credential that was for do, with who asks and how it came. */
async function toRouted(
  request: Request,
  session: Session,
  { route, path, isOwnHost }: { route: Route; path: string; isOwnHost: boolean },
  caller: Session | undefined,
): Promise<RoutedRequest> {
  const { circumstances } = Session.depsOf(session);
  const url = new URL(request.url);
  const body = await readBytes(request, MAX_ROUTED_BODY_BYTES);
  const headers = changed(request.headers, route.transform?.request);
  const credential = request.headers.get("authorization");
  // Set by the route itself, it is for the target.
  if (caller && headers.get("authorization") === credential) headers.delete("authorization");
  for (const name of request.headers.keys()) if (/^(?:x-)?do-/.test(name)) headers.delete(name);
  const principal = caller && Session.principalOf(caller);
  return {
    method: request.method,
    url,
    path,
    headers,
    body: body.byteLength > 0 ? body : undefined,
    says: {
      "x-forwarded-host": url.host,
      ...(isOwnHost ? {} : { "x-forwarded-prefix": url.pathname.slice(0, url.pathname.length - path.length) }),
      "x-forwarded-proto": url.protocol.slice(0, -1),
      "x-request-id": circumstances.requestId,
      ...(circumstances.address === undefined ? {} : { "x-forwarded-for": circumstances.address }),
      ...(principal ? { "do-principal": principal.id } : {}),
    },
    claims: principal && claimsOf(credential, principal),
  };
}

/** What a token said whose signature was just verified; of another credential, who it stands for. */
function claimsOf(header: string | null, { id, tenant, tier }: { id: string; tenant: string; tier: string }): Record<string, unknown> {
  const known = { sub: id, tenant, tier };
  const token = header?.replace(/^Bearer +/i, "") ?? "";
  if (!looksLikeJwt(token)) return known;
  return { ...known, ...decodeJwt(token), tenant, tier };
}

/** On the origin of do itself an answer says nothing of the origin, and runs no script on it. */
function withoutOrigin(answer: Response): Response {
  const headers = new Headers(answer.headers);
  for (const name of OF_THE_ORIGIN) headers.delete(name);
  headers.set("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'");
  return new Response(answer.body, { status: answer.status, headers });
}

function otherMethod({ allowed }: MatchFound, method: string): HttpError | undefined {
  if (allowed.length === 0) return undefined;
  return new HttpError(405, "METHOD_NOT_ALLOWED", `The method must be ${allowed.join(" or ")}, got ${method}`, {
    allow: allowed.join(", "),
  });
}

function noRoute(): DoError {
  return new DoError("NOT_FOUND", "There is no such route", { reason: "UNKNOWN_ROUTE" });
}
