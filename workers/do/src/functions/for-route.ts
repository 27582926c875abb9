import { DoError } from "../../../../sdk/src/errors.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import type { AskedFunction } from "../../../core-services/gateway/routes/targets.ts";
import { denied, type Authority } from "../capabilities.ts";
import type { ExecuteDeps } from "../executor/execute.ts";
import { allows } from "../policy.ts";
import { fetchFunction } from "./fetch.ts";
import { limitsOf } from "./grant.ts";

/** Who comes again with the same key gets the same of several live versions. */
const VERSION_KEY = "cloudflare-workers-version-key";

/**
 * Asks a function for a route, as who made the route. What a door of one origin for all takes from an answer is the
 * route's to take: on a host of the tenant's own there are no others.
 * @throws DoError
 */
export async function askForRoute(deps: ExecuteDeps, authority: Authority, asked: AskedFunction): Promise<Response> {
  const { name, url, method, headers, body, signal } = asked;
  const resource = `invoke/${name}`;
  if (!allows(authority.policy.scopes, "gateway", "write", resource)) {
    throw await denied(deps.env, authority, `Cannot call ${name}`, `gateway:write:${resource}`);
  }
  const { tenant } = authority.principal;
  const key = headers.get(VERSION_KEY)?.slice(0, 256) || undefined;
  const live = await functionsOf(deps.env, tenant).resolve(name, { version: undefined, key }, Math.random());
  const isWorker = live.entrypoints.some((entrypoint) => entrypoint.name === "default" && entrypoint.methods.includes("fetch"));
  const most = limitsOf(deps.env, tenant, live).inputBytes;
  if (!isWorker && body !== undefined && body.byteLength > most) {
    throw new DoError("TOO_LARGE", `The body must be at most ${most} bytes for ${name}, which takes it whole`, { retryable: false });
  }
  const { response, executionId } = await fetchFunction(deps, {
    tenant,
    live,
    request: { url, method, headers: [...headers] },
    body: body === undefined ? null : new Response(body as BodyInit).body,
    props: {},
    outbound: undefined,
    limits: {},
    via: authority.via,
    parent: undefined,
    signal,
  });
  const answered = new Headers();
  for (const [header, value] of response.headers) answered.append(header, value);
  answered.set("x-function-version", live.version);
  answered.set("x-execution-id", executionId);
  return new Response(response.body, { status: response.status, headers: answered });
}
