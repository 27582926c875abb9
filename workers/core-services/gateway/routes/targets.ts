import { DoError } from "../../../../sdk/src/errors.ts";
import type { Background } from "../../shared/background.ts";
import { guardedRequest, type WayOut } from "../egress/guarded-request.ts";
import { incoming, outgoing } from "../egress/headers.ts";
import { FunctionName, isPlainName } from "../functions/names.ts";
import type { Route, RouteTarget } from "./route.ts";
import { fill } from "./template.ts";

/** A request as it comes to a route. */
export interface RoutedRequest {
  readonly method: string;
  readonly url: URL;
  /** As the tenant has it: without the place where its routes are. */
  readonly path: string;
  /** Without what is for do alone. */
  readonly headers: Headers;
  /** Read once, so that it can be sent again. */
  readonly body: Uint8Array | undefined;
  /** What do itself tells the target: who asks, and how it came. */
  readonly says: Readonly<Record<string, string>>;
  /** What a verified credential says of who asks; undefined where none is asked for. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

export interface Sent {
  readonly route: Route;
  readonly groups: Readonly<Record<string, string>>;
  readonly request: RoutedRequest;
  readonly signal: AbortSignal;
}

/** What a route asks of a saved function. */
export interface AskedFunction {
  readonly name: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  /** Until the head of its answer. */
  readonly signal: AbortSignal;
}

/** Asks a function as who made the route. @throws DoError */
export type AskFunction = (asked: AskedFunction) => Promise<Response>;

/** What routes lead to. Each answers a Response, whatever its status, or throws a DoError when there is none. */
export interface Targets {
  send(target: RouteTarget, sent: Sent): Promise<Response>;
}

const MAX_UPSTREAM_BYTES = 64 * 1024 * 1024;

/** The targets that there are: a URL, a saved function, a service. The last two act as who made the route. */
export class TenantTargets implements Targets {
  readonly #wayOut: () => Promise<WayOut>;
  readonly #background: Background;
  readonly #askFunction: AskFunction;

  constructor(wayOut: () => Promise<WayOut>, background: Background, askFunction: AskFunction) {
    this.#askFunction = askFunction;
    this.#wayOut = wayOut;
    this.#background = background;
  }

  async send(target: RouteTarget, sent: Sent): Promise<Response> {
    if ("response" in target) return staticAnswer(target.response);
    if ("url" in target) return this.#upstream(target.url, sent);
    const calling = "service" in target ? this.#service(target, sent) : this.#function(target.function, sent);
    return orAborted(calling, sent.signal);
  }

  async #upstream(template: string, { route, groups, request, signal }: Sent): Promise<Response> {
    const url = fill(template, route, groups, request.url.search);
    if (!url) throw new DoError("INVALID_ARGUMENT", "The path cannot be passed on", { reason: "AMBIGUOUS_PATH" });
    const { method, headers, body, says } = request;
    const answer = await guardedRequest(await this.#wayOut(), {
      url: url.href,
      method,
      headers,
      body,
      says,
      redirect: "manual",
      maxBytes: MAX_UPSTREAM_BYTES,
      signal,
    });
    return new Response(hasNoBody(answer.status) ? null : answer.body, { status: answer.status, headers: answer.headers });
  }

  /** A function sees the paths of its tenant, wherever those are. */
  async #function(name: string, { request, signal }: Sent): Promise<Response> {
    const { method, url, path, body, says } = request;
    const headers = outgoing(request.headers);
    for (const [header, value] of Object.entries(says)) headers.set(header, value);
    const answer = await this.#askFunction({ name, url: `${url.origin}${path}${url.search}`, method, headers, body, signal });
    return new Response(answer.body, { status: answer.status, headers: incoming(answer.headers) });
  }

  async #service(
    { service, method, params = [] }: Extract<RouteTarget, { service: string }>,
    { groups, request }: Sent,
  ): Promise<Response> {
    const places = { ...groups, query: Object.fromEntries(request.url.searchParams), body: jsonOf(request.body) };
    const result = await this.#background.call(
      service,
      method,
      params.map((param) => placed(param, places)),
    );
    return result instanceof ReadableStream ? new Response(result) : Response.json(result ?? null);
  }
}

/**
 * The target of this request: of a route by customer, the customer's function. Its name is one of the route's own tenant,
 * whatever the request says.
 * @throws DoError INVALID_ARGUMENT `NO_CUSTOMER`
 */
export function targetOf(target: RouteTarget, request: RoutedRequest): RouteTarget {
  if (!("customer" in target)) return target;
  const { function: template, customer } = target;
  const said = customerOf(customer, request);
  if (typeof said !== "string" || !isPlainName(said)) {
    const where = customer.from === "subdomain" ? "the subdomain" : `the ${customer.from} ${customer.name}`;
    throw new DoError("INVALID_ARGUMENT", `The request must name a customer: ${where} must be letters, digits, _ and -, at most 60`, {
      reason: "NO_CUSTOMER",
    });
  }
  const name = template.replace("{customer}", () => said);
  if (!FunctionName.safeParse(name).success)
    throw new DoError("INVALID_ARGUMENT", "The name of the customer is too long", { reason: "NO_CUSTOMER" });
  return { function: name };
}

function customerOf(customer: Extract<RouteTarget, { customer: unknown }>["customer"], { headers, url, claims }: RoutedRequest): unknown {
  switch (customer.from) {
    case "header":
      return headers.get(customer.name);
    case "subdomain":
      return url.hostname.split(".")[0];
    case "claim":
      return claims && Object.hasOwn(claims, customer.name) ? claims[customer.name] : undefined;
  }
}

export function staticAnswer({ status = 200, headers = {}, json }: Extract<RouteTarget, { response: unknown }>["response"]): Response {
  const all = new Headers({ "content-type": "application/json", ...headers });
  return new Response(hasNoBody(status) ? null : JSON.stringify(json ?? null), { status, headers: all });
}

export function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** A parameter, in which the texts `{name}`, `{query}` and `{body}` stand for what they name. */
function placed(value: unknown, places: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === "string") {
    const name = /^\{(\w+)\}$/.exec(value)?.[1];
    return name !== undefined && Object.hasOwn(places, name) ? places[name] : value;
  }
  if (Array.isArray(value)) return value.map((item) => placed(item, places));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, placed(item, places)]));
}

function jsonOf(body: Uint8Array | undefined): unknown {
  if (body === undefined || body.byteLength === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body)) as unknown;
  } catch {
    throw new DoError("INVALID_ARGUMENT", "The body must be JSON, and it does not parse");
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new DoError("TIMEOUT", "The target did not answer in time", { reason: "TARGET_TIMEOUT" }));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject);
  });
}
