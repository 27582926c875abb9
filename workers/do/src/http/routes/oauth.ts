import { Hono } from "hono";
import { SCOPES_OFFERED } from "../../../../core-services/auth/oauth/scopes.ts";
import { DoError } from "../../errors.ts";
import { Session } from "../../session.ts";
import { readBytes } from "../body.ts";
import type { HttpEnv } from "../env.ts";

const MAX_BODY_BYTES = 65_536;

/** OAuth 2.1: the endpoints are the authorization server's; here is only the way to it. */
export const oauth = new Hono<HttpEnv>()
  .get("/.well-known/oauth-authorization-server", (c) => forward(c.req.raw, c.env.session))
  .get("/.well-known/oauth-protected-resource", (c) => c.json(resourceMetadata(c.env.session, "")))
  .get("/.well-known/oauth-protected-resource/mcp", (c) => c.json(resourceMetadata(c.env.session, "/mcp")))
  .get("/authorize", (c) => forward(c.req.raw, c.env.session))
  .post("/authorize", (c) => forward(c.req.raw, c.env.session))
  .post("/token", (c) => forward(c.req.raw, c.env.session))
  .post("/revoke", (c) => forward(c.req.raw, c.env.session))
  .post("/register", (c) => forward(c.req.raw, c.env.session))
  // RFC 7662, for who may look into tokens of the tenant.
  .post("/introspect", async (c) => {
    const form = new URLSearchParams(new TextDecoder().decode(await readBytes(c.req.raw, MAX_BODY_BYTES)));
    const answer = (await Session.invoke(c.var.caller, "auth", "introspect", [form.get("token") ?? ""])) as object;
    return c.json(answer, 200, { "cache-control": "no-store" });
  });

/** @see https://www.rfc-editor.org/rfc/rfc9728 */
function resourceMetadata(session: Session, path: "" | "/mcp") {
  const issuer = issuerFor(session);
  return {
    resource: issuer + path,
    authorization_servers: [issuer],
    scopes_supported: SCOPES_OFFERED,
    bearer_methods_supported: ["header"],
    resource_name: "do",
  };
}

async function forward(request: Request, session: Session): Promise<Response> {
  const issuer = issuerFor(session);
  const body = request.body === null ? undefined : await readBytes(request, MAX_BODY_BYTES);
  const headers = new Headers(request.headers);
  // Ours to say: what came from outside under these names goes.
  for (const [name, value] of Object.entries(Session.saidToOAuth(session))) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  headers.set("x-do-issuer", issuer);
  // Where a client is sent is for the browser to follow.
  const init: RequestInit = { method: request.method, headers, redirect: "manual", ...(body === undefined ? {} : { body }) };
  const response = await Session.authorizationServer(session).fetch(new Request(request.url, init));
  const answer = new Response(response.body, response);
  // The library lets every site read its answers; here no site may, unless the configuration said so.
  for (const name of response.headers.keys()) if (name.startsWith("access-control-")) answer.headers.delete(name);
  return answer;
}

function issuerFor(session: Session): string {
  const issuer = Session.issuerOf(session);
  if (issuer !== undefined) return issuer;
  throw new DoError("UNAVAILABLE", "OAuth needs https, or this machine: set publicUrl in the configuration", {
    reason: "ISSUER_NOT_CONFIGURED",
    retryable: false,
  });
}
