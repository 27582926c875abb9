import * as z from "zod";
import { HeaderName } from "../egress/rules.ts";
import { ROUTE_METHODS } from "./methods.ts";

/** Which pages of other origins may use a route: https://fetch.spec.whatwg.org/#http-cors-protocol */

const ANY = "*";
/** What a page has that is no page of anybody: a file, a sandboxed frame, a redirect from elsewhere. */
const NOBODY = "null";
const WILDCARD = /^(https?):\/\/\*(\.(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,63})(:\d{1,5})?$/;
/** As browsers write an origin: nothing else is compared, or said back. */
const ORIGIN = /^(https?):\/\/([a-z0-9.-]{1,253}|\[[0-9a-f:]{2,39}\])(:\d{1,5})?$/;

const OriginPattern = z
  .string()
  .max(300)
  .refine(
    (origin) => origin === ANY || origin === NOBODY || isWildcard(origin) || isOrigin(origin),
    'must be an origin, as https://app.example.com, or https://*.example.com, "*" or "null"',
  );

const Names = z.array(z.union([z.literal(ANY), HeaderName])).max(64);

export const Cors = z
  .strictObject({
    origins: z.array(OriginPattern).min(1).max(100),
    /** Without it: those that the route takes. */
    methods: z.array(z.enum(ROUTE_METHODS)).min(1).max(ROUTE_METHODS.length).optional(),
    /** That a page may send, beside the few that need no leave. `*` is all but `authorization`. */
    headers: Names.optional(),
    /** That a page may read of an answer, beside the few that it may. */
    exposeHeaders: Names.optional(),
    /** Whether with the cookies that a browser has for the host. */
    credentials: z.boolean().optional(),
    /** How long a browser need not ask again. */
    maxAgeSeconds: z.int().min(0).max(86_400).optional(),
  })
  .refine(
    ({ origins }) => !origins.includes(ANY) || origins.every((one) => one === ANY || one === NOBODY),
    'origins: "*" is all but "null"',
  )
  .refine(
    ({ origins, headers = [], exposeHeaders = [], credentials }) =>
      credentials !== true || ![...origins, ...headers, ...exposeHeaders].some((name) => name === ANY || name === NOBODY),
    'credentials: what goes with cookies is for origins and headers that are named, not for "*" and "null"',
  );
export type Cors = z.output<typeof Cors>;

/** A browser that asks before it sends. */
export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** In lower case. */
  readonly headers: readonly string[];
}

/** @returns undefined for what is no preflight, an OPTIONS of somebody's own among it */
export function preflightOf({ method, headers }: Pick<Request, "method" | "headers">): Preflight | undefined {
  const [origin, wanted] = [headers.get("origin"), headers.get("access-control-request-method")];
  if (method !== "OPTIONS" || origin === null || wanted === null) return undefined;
  const named = (headers.get("access-control-request-headers") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return { origin, method: wanted, headers: named.filter((name) => name !== "") };
}

/** What a preflight is answered: the headers of yes, or why it is no. */
export type PreflightAnswer =
  | { readonly allowed: true; readonly headers: Headers }
  | { readonly allowed: false; readonly reason: "CORS_ORIGIN" | "CORS_METHOD" | "CORS_HEADER"; readonly why: string };

/** What must vary with what a browser asked, for who keeps answers on the way. */
export const PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/** A route that the request may take when it comes, as far as this is about it. */
export interface CorsOfRoute {
  readonly cors: Cors | undefined;
  readonly methods: readonly string[] | undefined;
}

/**
 * Pure. Which of the routes it will be may hang on a header that is yet to come: all of them must allow it.
 * @param routes at least one
 */
export function answerPreflight(routes: readonly CorsOfRoute[], { origin, method, headers: asked }: Preflight): PreflightAnswer {
  const all = routes.map(({ cors }) => cors).filter((cors) => cors !== undefined);
  if (all.length < routes.length || !all.every((cors) => isAllowed(cors, origin))) {
    return { allowed: false, reason: "CORS_ORIGIN", why: "Pages of this origin may not use the route" };
  }
  if (!routes.every(({ cors, methods }) => (cors?.methods ?? methods ?? ROUTE_METHODS).includes(method))) {
    return { allowed: false, reason: "CORS_METHOD", why: "Pages of other origins may not use the route by this method" };
  }
  const refused = asked.find((name) => !all.every((cors) => mayBeSent(name, cors.headers ?? [])));
  if (refused !== undefined || asked.length > MAX_ASKED_HEADERS) {
    return { allowed: false, reason: "CORS_HEADER", why: "Pages of other origins may not send the route one of these headers" };
  }
  const headers = new Headers({ vary: PREFLIGHT_VARY });
  headers.set("access-control-allow-origin", all.every(isForAnybody) ? ANY : origin);
  // What was asked for, and not all that there is: it holds for this request.
  headers.set("access-control-allow-methods", method);
  if (asked.length > 0) headers.set("access-control-allow-headers", asked.join(", "));
  if (all.every(({ credentials }) => credentials === true)) headers.set("access-control-allow-credentials", "true");
  const ages = all.map(({ maxAgeSeconds }) => maxAgeSeconds).filter((seconds) => seconds !== undefined);
  if (ages.length === all.length) headers.set("access-control-max-age", String(Math.min(...ages)));
  return { allowed: true, headers };
}

const MAX_ASKED_HEADERS = 64;

/** Pure. Says on an answer, whatever it is, who may read it: in place of what the target says of it. */
export function sayWhoMayRead(headers: Headers, cors: Cors, origin: string | null): void {
  const saidByTarget = [...headers.keys()].filter((name) => name.startsWith("access-control-"));
  for (const name of saidByTarget) headers.delete(name);
  addVary(headers, "Origin");
  if (origin === null || !isAllowed(cors, origin)) return;
  headers.set("access-control-allow-origin", isForAnybody(cors) ? ANY : origin);
  if (cors.credentials === true) headers.set("access-control-allow-credentials", "true");
  if (cors.exposeHeaders?.length) headers.set("access-control-expose-headers", cors.exposeHeaders.join(", "));
}

function isForAnybody({ origins }: Cors): boolean {
  return origins.includes(ANY);
}

function isAllowed({ origins }: Cors, origin: string): boolean {
  // Whoever is nobody is everybody who wants to be: that must be meant.
  if (origin === NOBODY) return origins.includes(NOBODY);
  if (!ORIGIN.test(origin)) return false;
  return origins.some((pattern) => pattern === origin || pattern === ANY || fitsWildcard(pattern, origin));
}

/** Names under a name, by the same scheme and port. */
function fitsWildcard(pattern: string, origin: string): boolean {
  const [, scheme, suffix = "", port = ""] = WILDCARD.exec(pattern) ?? [];
  const [, itsScheme, host = "", itsPort = ""] = ORIGIN.exec(origin) ?? [];
  return scheme !== undefined && scheme === itsScheme && port === itsPort && host.length > suffix.length && host.endsWith(suffix);
}

/** `*` does not mean `authorization`: https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name */
function mayBeSent(name: string, allowed: readonly string[]): boolean {
  return allowed.includes(name) || (name !== "authorization" && /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name) && allowed.includes(ANY));
}

function isWildcard(text: string): boolean {
  return WILDCARD.test(text) && isOrigin(text.replace("*", "a"));
}

function isOrigin(text: string): boolean {
  return ORIGIN.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function addVary(headers: Headers, name: string): void {
  const said = (headers.get("vary") ?? "").split(",").map((one) => one.trim().toLowerCase());
  if (!said.includes("*") && !said.includes(name.toLowerCase())) headers.append("vary", name);
}
