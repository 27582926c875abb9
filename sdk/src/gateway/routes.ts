import type { ServiceName } from "../types.ts";

export type RouteMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** Which requests take a route: all that is said must hold. */
export interface RouteMatch {
  /** `api.example.com` or `*.example.com`: a host that the operator has given to the tenant. */
  host?: string | undefined;
  /** URLPattern's syntax: literals, `:name`, `:name?` and `*`. */
  path: string;
  methods?: RouteMethod[] | undefined;
  headers?: Record<string, { exact: string } | { present: true }> | undefined;
}

export interface StaticTarget {
  response: { status?: number | undefined; headers?: Record<string, string> | undefined; json: unknown };
}

/** In the path of `url`, `{name}` stands for a `:name` of the route, `{0}` and `{1}` for its `*`. */
export interface UpstreamTarget {
  url: string;
}

export interface FunctionTarget {
  function: string;
}

export interface CustomerTarget {
  /** With `{customer}` in it, once. */
  function: string;
  customer: { from: "header"; name: string } | { from: "subdomain" } | { from: "claim"; name: string };
}

export interface ServiceTarget {
  service: Exclude<ServiceName, "auth" | "gateway">;
  method: string;
  /** The texts `{name}`, `{query}` and `{body}` stand for what they name. */
  params?: unknown[] | undefined;
}

export type RouteTarget = UpstreamTarget | FunctionTarget | CustomerTarget | ServiceTarget | StaticTarget;

export interface RouteHeaderChanges {
  set?: Record<string, string> | undefined;
  remove?: string[] | undefined;
}

/** https://fetch.spec.whatwg.org/#http-cors-protocol */
export interface RouteCors {
  /** `https://app.example.com`, `https://*.example.com`; `*` is everybody, `null` what has no origin. */
  origins: string[];
  /** Default: those that the route takes. */
  methods?: RouteMethod[] | undefined;
  /** That pages may send. `*` is all but `authorization`. */
  headers?: string[] | undefined;
  /** That pages may read of an answer. */
  exposeHeaders?: string[] | undefined;
  /** With cookies: for origins that are named, on a host of your own. */
  credentials?: boolean | undefined;
  maxAgeSeconds?: number | undefined;
}

export interface RouteSpec {
  match: RouteMatch;
  target: RouteTarget;
  /** Default 0; the highest is asked first. */
  priority?: number | undefined;
  /** `tenant`, the default: a credential of the tenant that holds `gateway:read:routes/<name>`, or `write`, by the method. */
  auth?: "tenant" | "none" | undefined;
  rateLimit?: { limit: number; windowMs: number; by?: "all" | "address" | "principal" | { header: string } | undefined } | undefined;
  /** Pages of which other origins may use it. */
  cors?: RouteCors | undefined;
  transform?: { request?: RouteHeaderChanges | undefined; response?: RouteHeaderChanges | undefined } | undefined;
  /** Default 10,000: all tries together. */
  timeoutMs?: number | undefined;
  retry?: { attempts: number; tryMs?: number | undefined; backoffMs?: number | undefined } | undefined;
  /** Default 5 failures, 30,000 ms. */
  circuit?: false | { failures?: number | undefined; openMs?: number | undefined } | undefined;
  /** Requests to the target at a time; default 100. */
  concurrent?: number | undefined;
  fallback?: StaticTarget | { target: UpstreamTarget | FunctionTarget } | undefined;
  /** Answers are kept as RFC 9111 allows it; `ttlSeconds` for those that say nothing of it. */
  cache?: { ttlSeconds?: number | undefined; staleIfErrorSeconds?: number | undefined; tags?: string[] | undefined } | undefined;
  /** Callers see JSON and nothing else. */
  json?: "required" | undefined;
}

export interface RouteInfo {
  name: string;
  /** RouteSpec */
  route: unknown;
  /** What its target is called in `do-target`. */
  target: string;
  createdAt: string;
  updatedAt: string;
}

export interface RouteMatched {
  /** Undefined: no route takes the request. */
  route?: string | undefined;
  target?: string | undefined;
  groups?: Record<string, string> | undefined;
  /** The routes that were asked, in order, and why each is or is not the one. */
  why: { route: string; because: string }[];
}

export interface CircuitInfo {
  target: string;
  state: "closed" | "open" | "half-open";
  failures: number;
  inFlight: number;
  openedAt?: string | undefined;
  nextProbeAt?: string | undefined;
}

export interface GatewayRoutes {
  setRoute(name: string, route: RouteSpec, options?: { idempotencyKey?: string | undefined }): Promise<{ name: string; created: boolean }>;
  getRoute(name: string): Promise<RouteInfo | null>;
  listRoutes(): Promise<{ items: RouteInfo[] }>;
  deleteRoute(name: string, options?: { idempotencyKey?: string | undefined }): Promise<{ deleted: boolean }>;
  match(request: { url: string; method?: string | undefined; headers?: Record<string, string> | undefined }): Promise<RouteMatched>;
  /** Forgets kept answers: by one of the four. */
  purge(what: {
    tags?: string[] | undefined;
    routes?: string[] | undefined;
    urls?: string[] | undefined;
    all?: true | undefined;
  }): Promise<{ purged: number }>;
  listCircuits(): Promise<{ items: CircuitInfo[] }>;
  closeCircuit(target: string): Promise<{ closed: boolean }>;
  /** Takes `cost` (1) from a rate that is counted by `key`. */
  limit(
    key: string,
    options: { limit: number; windowMs: number; cost?: number | undefined },
  ): Promise<{ allowed: boolean; limit: number; remaining: number; resetMs: number; retryAfterMs: number }>;
}
