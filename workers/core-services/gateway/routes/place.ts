import { fitsHost } from "./table.ts";

/** Of whom the routes are that serve a request, and beneath which path. */
export interface RoutedPlace {
  readonly tenant: string;
  /** As in the URL, from the tenant's own root. */
  readonly path: string;
  /** On a host of the tenant's; else beneath `/r/<tenant>` on the origin that do itself is on, and others' routes. */
  readonly isOwnHost: boolean;
}

/**
 * Where a request belongs: a host that the operator has given to a tenant serves that tenant's routes and nothing else; on
 * any other host they are beneath `/r/<tenant>`. Undefined: it is for do itself.
 */
export function routedPlace(url: URL, hosts: ReadonlyMap<string, string>): RoutedPlace | undefined {
  const host = url.hostname.replace(/\.$/, "");
  const tenant = hosts.get(host) ?? hosts.get(longestFit(hosts, host));
  if (tenant !== undefined) return { tenant, path: url.pathname, isOwnHost: true };
  const [, named, path = "/"] = /^\/r\/([A-Za-z0-9][A-Za-z0-9_:.@-]{0,127})(\/.*)?$/.exec(url.pathname) ?? [];
  return named === undefined ? undefined : { tenant: named, path, isOwnHost: false };
}

function longestFit(hosts: ReadonlyMap<string, string>, host: string): string {
  const fitting = [...hosts.keys()].filter((pattern) => pattern.startsWith("*.") && fitsHost(pattern, host));
  return fitting.toSorted((a, b) => b.length - a.length)[0] ?? "";
}
