import { DoError, toDoError } from "../../../../sdk/src/errors.ts";
import { realmOf } from "../../../core-services/auth/realm.ts";
import type { Live } from "../../../core-services/gateway/functions/engine.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { principalIdOf } from "../../../core-services/gateway/functions/names.ts";
import { denied, type Authority } from "../capabilities.ts";
import type { ExecuteDeps } from "../executor/execute.ts";
import { allows } from "../policy.ts";
import { refused } from "../refused.ts";
import { fetchFunction } from "./fetch.ts";
import { limitsOf } from "./grant.ts";
import { requestHeaders, responseHeaders, versionOverride, type FunctionPath } from "./http.ts";

export interface Dispatch {
  readonly path: FunctionPath;
  readonly request: Request;
  /** Of the request, parsed. */
  readonly url: URL;
  readonly authority: Authority;
  /** Reads a body up to a size. */
  readonly readBytes: (request: Request, maxBytes: number) => Promise<Uint8Array>;
}

/** Which version a caller gets is kept for whoever sends the same key. */
const VERSION_KEY = "cloudflare-workers-version-key";
const VERSION_OVERRIDES = "cloudflare-workers-version-overrides";

/** Answers a request to /fn with the function's answer. @throws DoError */
export async function dispatch(deps: ExecuteDeps, { path, request, url, authority, readBytes }: Dispatch): Promise<Response> {
  const { tenant, name, rest } = path;
  const isOwn = authority.principal.tenant === tenant && authority.principal.kind !== "anonymous";
  const live = await find(deps, path, request, isOwn);
  await admit(deps, authority, live, tenant, isOwn);
  const prefix = `/fn/${encodeURIComponent(tenant)}/${name}`;
  const head = {
    url: `${url.origin}${rest}${url.search}`,
    method: request.method,
    headers: [
      ...requestHeaders(request.headers),
      ["x-forwarded-prefix", prefix],
      ["x-forwarded-host", url.host],
      ["x-forwarded-proto", url.protocol.slice(0, -1)],
      ...(authority.via.address === undefined ? [] : [["x-forwarded-for", authority.via.address] as const]),
      ["x-request-id", authority.via.requestId],
    ] as const,
  };
  // A function of one context is called with all of its input.
  const isWorker = live.entrypoints.some((entrypoint) => entrypoint.name === "default" && entrypoint.methods.includes("fetch"));
  const body = isWorker ? request.body : await smallBody(request, readBytes, limitsOf(deps.env, tenant, live).inputBytes);
  const { response, executionId } = await fetchFunction(deps, {
    tenant,
    live,
    request: head,
    body,
    props: {},
    outbound: undefined,
    limits: {},
    via: authority.via,
    parent: undefined,
  });
  const headers = new Headers(responseHeaders(response.headers));
  protect(headers);
  headers.set("x-function", name);
  headers.set("x-function-version", live.version);
  headers.set("x-execution-id", executionId);
  return new Response(response.body, { status: response.status, headers });
}

/** The function, if who asks may know that it is there. */
async function find({ env }: ExecuteDeps, { tenant, name }: FunctionPath, { headers }: Request, isOwn: boolean): Promise<Live> {
  // A stranger chooses no version, and a key of theirs is as good as any.
  const version = isOwn ? versionOverride(headers.get(VERSION_OVERRIDES), name) : undefined;
  const key = headers.get(VERSION_KEY)?.slice(0, 256) || undefined;
  try {
    const live = await functionsOf(env, tenant).resolve(name, { version, key }, Math.random());
    if (live.isPublic || isOwn) return live;
  } catch (error) {
    const { code, reason } = toDoError(error) ?? {};
    if (code !== "NOT_FOUND" || reason === "VERSION_NOT_LIVE") throw error;
  }
  // The same words for what is not there and for what is not theirs.
  throw new DoError("NOT_FOUND", "There is no such function", { reason: "NO_SUCH_FUNCTION" });
}

async function admit({ env, now }: ExecuteDeps, authority: Authority, live: Live, tenant: string, isOwn: boolean): Promise<void> {
  const resource = `invoke/${live.name}`;
  if (!live.isPublic && !allows(authority.policy.scopes, "gateway", "write", resource)) {
    throw await denied(env, authority, `Cannot call ${live.name}`, `gateway:write:${resource}`);
  }
  if (isOwn) return;
  // Who comes from elsewhere was not counted here: the function's own rate is, and that its tenant is in good standing.
  const entry = await realmOf(env, tenant).enter({ kind: "known", id: principalIdOf(live.name), tier: live.tier, cost: 1 }, now());
  if (entry.refusal !== undefined) throw entry.refusal === "rate" ? refused(entry.refusal, entry) : unavailable();
}

function unavailable(): DoError {
  return new DoError("UNAVAILABLE", "The function cannot be called now", { reason: "FUNCTION_UNAVAILABLE", retryable: false });
}

async function smallBody(request: Request, readBytes: Dispatch["readBytes"], maxBytes: number): Promise<ReadableStream<Uint8Array> | null> {
  if (!request.body) return null;
  const bytes = await readBytes(request, maxBytes);
  return new Response(bytes as BodyInit).body;
}

/**
 * All functions are at one origin, which is do's own: a document of one is put into an origin of its own, where nothing
 * that others keep can be read, and no worker of it can be left behind.
 */
function protect(headers: Headers): void {
  headers.append("content-security-policy", "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads");
  headers.set("x-content-type-options", "nosniff");
}
