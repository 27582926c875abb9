import { DoError } from "../../../../sdk/src/errors.ts";
import type { Implementation } from "../../shared/method.ts";
import { onceKey } from "../../shared/once.ts";
import type { Purge } from "../cache/response-cache.ts";
import { mayReach } from "../egress/decide.ts";
import { targetName, type RouteSpec, type RouteTarget } from "../routes/route.ts";
import type { StoredRoute } from "../routes/route-store.ts";
import { templateProblem } from "../routes/template.ts";
import type { gatewayDefinition } from "../schema.ts";
import type { routeMethods } from "../schema/routes.ts";
import type { GatewayDeps } from "./deps.ts";

type RouteMethods = Pick<Implementation<typeof gatewayDefinition>, keyof typeof routeMethods>;

export function routeService({ traffic, cache, routedTenants, caller, sponsor, loopbackOrigins, nowMs }: GatewayDeps): RouteMethods {
  const key = (idempotencyKey: string | undefined, method: string, body: unknown) => onceKey(idempotencyKey, method, body, caller.id);

  /** An upstream that no rule lets it reach would fail at each request: that is said now. */
  const checkTarget = async (target: RouteTarget, pattern: string, at: string): Promise<void> => {
    if (!("url" in target)) return;
    const problem = templateProblem(target.url, pattern);
    if (problem !== undefined) throw invalid(`${at}.url ${problem}`);
    const { rules } = await traffic.egress();
    const decision = mayReach(rules, new URL(target.url.replaceAll(/\{\w+\}/g, "x")), loopbackOrigins);
    if (decision.kind === "denied") {
      throw new DoError(
        "UNPROCESSABLE",
        `Cannot set the route: ${at}.url may not be reached: ${decision.why} (gateway.setEgress, docs/egress.md)`,
        {
          reason: decision.reason,
        },
      );
    }
  };

  return {
    setRoute: async (name, route, options) => {
      checkSpec(route);
      await checkTarget(route.target, route.match.path, "target");
      if (route.fallback && "target" in route.fallback) await checkTarget(route.fallback.target, route.match.path, "fallback.target");
      await routedTenants.add(caller.tenant);
      const { created } = await traffic.setRoute(name, route, sponsor(), key(options?.idempotencyKey, "setRoute", [name, route]), nowMs());
      // What was kept came by the route as it was.
      if (!created) await cache.purge({ by: "routes", of: [name] });
      return { name, created };
    },
    getRoute: async (name) => {
      const stored = await traffic.getRoute(name);
      return stored ? info(stored) : null;
    },
    listRoutes: async () => ({ items: (await traffic.listRoutes()).map(info) }),
    deleteRoute: async (name, options) => {
      const answer = await traffic.deleteRoute(name, key(options?.idempotencyKey, "deleteRoute", [name]), nowMs());
      if (answer.deleted) await cache.purge({ by: "routes", of: [name] });
      return answer;
    },
    match: async ({ url: text, method = "GET", headers = {} }) => {
      if (!URL.canParse(text)) throw new DoError("INVALID_ARGUMENT", "Cannot match the URL: it does not parse");
      const url = new URL(text);
      const [, own = url.pathname] = /^\/r\/[^/]+(\/.*)$/.exec(url.pathname) ?? [];
      const asked = { method, host: url.hostname, path: own, headers: Object.entries(headers) };
      const [{ found }, why] = await Promise.all([traffic.match(asked), traffic.explain(asked)]);
      if (!found) return { why };
      const { stored, groups } = found;
      return { route: stored.route.name, target: targetName(stored.route.target), groups: { ...groups }, why };
    },
    purge: async (what) => ({ purged: await cache.purge(purgeOf(what)) }),
    listCircuits: async () => ({ items: await traffic.circuits(nowMs()) }),
    closeCircuit: async (target) => ({ closed: await traffic.closeCircuit(target) }),
    limit: async (name, { limit, windowMs, cost = 1 }) => {
      if (cost > limit) throw new DoError("INVALID_ARGUMENT", `Cannot take ${cost}: the limit is ${limit}`);
      const taken = await traffic.takeRate({ name: "key", key: `k:${name}`, limit, windowMs, cost }, nowMs());
      const { allowed, retryAfterMs, state } = taken;
      return { allowed, limit, remaining: state.remaining, resetMs: state.resetSeconds * 1_000, retryAfterMs };
    },
  };
}

function info({ route: { name, ...route }, createdMs, updatedMs }: StoredRoute) {
  return { name, route, target: targetName(route.target), createdAt: iso(createdMs), updatedAt: iso(updatedMs) };
}

/** URLs are spelled as they are kept. */
function purgeOf({ tags, routes, urls }: Parameters<RouteMethods["purge"]>[0]): Purge {
  if (tags) return { by: "tags", of: tags };
  if (routes) return { by: "routes", of: routes };
  if (urls) return { by: "urls", of: urls.map((url) => (URL.canParse(url) ? new URL(url).href : url)) };
  return { by: "all" };
}

/** What the shape alone does not say. */
function checkSpec({ auth = "tenant", target, rateLimit, match, cors }: RouteSpec): void {
  const byClaim = "customer" in target && target.customer.from === "claim";
  if (auth === "none" && byClaim) throw invalid('target.customer is from a claim, which needs auth "tenant"');
  if (auth === "none" && rateLimit?.by === "principal") throw invalid('rateLimit.by is "principal", which needs auth "tenant"');
  // On the host of do cookies are of nobody's route.
  if (cors?.credentials && match.host === undefined) throw invalid("cors.credentials needs a match.host: a host of your own");
  const bySubdomain = "customer" in target && target.customer.from === "subdomain";
  if (bySubdomain && !match.host?.startsWith("*."))
    throw invalid("target.customer is from the subdomain, which needs a match.host as *.example.com");
}

function invalid(why: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot set the route: ${why}`);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
