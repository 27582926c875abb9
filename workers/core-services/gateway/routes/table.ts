import { literalCharacters, MAX_PATH_CHARACTERS } from "./pattern.ts";
import type { Route } from "./route.ts";

/** What of a request decides which route it takes. */
export interface Asked {
  readonly method: string;
  readonly host: string;
  /** Of the tenant's own paths: beneath `/r/<tenant>`, or all of a host that is the tenant's. */
  readonly path: string;
  readonly headers: Headers;
}

export interface Matched {
  readonly route: Route;
  /** What `:name` and `*` stand for, as in the URL. */
  readonly groups: Readonly<Record<string, string>>;
}

/** Headers that a browser sends without announcing them, or announces never. */
const IN_NO_PREFLIGHT: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "authorization",
  "content-language",
  "content-type",
  "cookie",
  "range",
]);

interface Entry {
  readonly route: Route;
  readonly pattern: URLPattern;
}

/** The routes of a tenant, in the order in which they are asked. Pure. */
export class RouteTable {
  readonly #entries: readonly Entry[];

  constructor(routes: readonly Route[]) {
    this.#entries = routes.toSorted(compare).map((route) => ({ route, pattern: new URLPattern({ pathname: route.match.path }) }));
  }

  /** Whether any of them keeps answers. */
  get isCached(): boolean {
    return this.#entries.some(({ route }) => route.cache !== undefined);
  }

  match(asked: Asked): Matched | undefined {
    if (asked.path.length > MAX_PATH_CHARACTERS) return undefined;
    for (const entry of this.#entries) {
      const groups = missing(entry, asked) === undefined ? groupsIn(entry, asked.path) : undefined;
      if (groups) return { route: entry.route, groups };
    }
    return undefined;
  }

  /**
   * The routes that a request may take which is announced: in order, up to the first that it takes for certain. Of some
   * headers it is not known yet what they will be.
   * @param announced names of headers that will come
   */
  possible(asked: Asked, announced: readonly string[]): Route[] {
    if (asked.path.length > MAX_PATH_CHARACTERS) return [];
    const found: Route[] = [];
    for (const entry of this.#entries) {
      const { headers = {}, ...match } = entry.route.match;
      const open = Object.entries(headers).filter(([name]) => announced.includes(name) || IN_NO_PREFLIGHT.has(name));
      const known = Object.fromEntries(Object.entries(headers).filter(([name]) => !open.some(([other]) => other === name)));
      const certain = { ...entry, route: { ...entry.route, match: { ...match, headers: known } } };
      if (missing(certain, asked) !== undefined || !groupsIn(entry, asked.path)) continue;
      found.push(entry.route);
      if (open.length === 0) break;
    }
    return found;
  }

  /** The methods of the routes that would match but for the method. */
  allowed(asked: Asked): string[] {
    const others = this.#entries.filter((entry) => missing(entry, { ...asked, method: "*" }) === undefined && groupsIn(entry, asked.path));
    return [...new Set(others.flatMap(({ route }) => route.match.methods ?? []))];
  }

  /** For each route, in order, why it is not the one; the first that is ends the list. */
  explain(asked: Asked): { route: string; because: string }[] {
    const why: { route: string; because: string }[] = [];
    for (const entry of this.#entries) {
      const { name, match } = entry.route;
      const because = missing(entry, asked) ?? (groupsIn(entry, asked.path) ? undefined : `the path must match ${match.path}`);
      if (because === undefined) return [...why, { route: name, because: "it matches" }];
      why.push({ route: name, because });
    }
    return why;
  }
}

/** Two routes that match the same requests with the same priority: one of them could never be taken. */
export function isSameMatch(a: Route, b: Route): boolean {
  return (a.priority ?? 0) === (b.priority ?? 0) && canonical(a) === canonical(b);
}

function canonical({ match }: Route): string {
  const { host = "", path, methods = [], headers = {} } = match;
  const unnamed = path.replaceAll(/:\w+/g, ":x");
  return JSON.stringify([host, unnamed, methods.toSorted(), Object.entries(headers).toSorted(([one], [other]) => (one < other ? -1 : 1))]);
}

/** Higher priority, then what is about less: a host before its wildcard before none, more of the path, fewer `*`, more headers, methods. */
function compare(a: Route, b: Route): number {
  return (
    (b.priority ?? 0) - (a.priority ?? 0) ||
    hostRank(b) - hostRank(a) ||
    stars(a) - stars(b) ||
    literalCharacters(b.match.path) - literalCharacters(a.match.path) ||
    Object.keys(b.match.headers ?? {}).length - Object.keys(a.match.headers ?? {}).length ||
    Number(b.match.methods !== undefined) - Number(a.match.methods !== undefined) ||
    (a.name < b.name ? -1 : 1)
  );
}

function hostRank({ match: { host } }: Route): number {
  if (host === undefined) return 0;
  return host.startsWith("*.") ? host.length : 1_000 + host.length;
}

function stars({ match: { path } }: Route): number {
  return path.split("*").length - 1;
}

/** What keeps a route from being the one, but for the path. */
function missing({ route: { match } }: Entry, { method, host, headers }: Asked): string | undefined {
  if (match.host !== undefined && !fitsHost(match.host, host)) return `the host must be ${match.host}`;
  if (match.methods && method !== "*" && !match.methods.includes(method as "GET"))
    return `the method must be ${match.methods.join(" or ")}`;
  for (const [name, wanted] of Object.entries(match.headers ?? {})) {
    const value = headers.get(name);
    if (value === null) return `the header ${name} must be there`;
    if ("exact" in wanted && value !== wanted.exact) return `the header ${name} must be ${wanted.exact}`;
  }
  return undefined;
}

export function fitsHost(pattern: string, host: string): boolean {
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 : host === pattern;
}

function groupsIn({ pattern }: Entry, path: string): Record<string, string> | undefined {
  const found = pattern.exec({ pathname: path });
  if (!found) return undefined;
  return Object.fromEntries(Object.entries(found.pathname.groups).map(([name, value]) => [name, value ?? ""]));
}
