import { createHash, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consent, openConsent, pageOf, sendConsent } from "../support/consent.ts";
import { testHost, type TestHost } from "../support/host.ts";

const REDIRECT = "http://127.0.0.1:5999/callback";
const PASSWORD = "correct horse battery";
const EMAIL = "ada@example.test";

let host: TestHost;
let documents: Server;
let documentsUrl: string;
let documentsAsked = 0;
let userId: string;
let owner: string;

async function call(method: string, params: unknown[], key = host.rootKey): Promise<Record<string, unknown>> {
  const response = await host.ask(`/rpc/auth/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ params }),
  });
  const body = (await response.json()) as { result?: Record<string, unknown> };
  return body.result ?? body;
}

beforeAll(async () => {
  documents = createServer((request, response) => {
    documentsAsked++;
    const id = `${documentsUrl}${request.url ?? ""}`;
    const document = {
      client_id: request.url === "/liar.json" ? "https://bank.example/client.json" : id,
      client_name: "Documented",
      redirect_uris: [REDIRECT],
    };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => documents.listen(0, "127.0.0.1", resolve));
  documentsUrl = `http://127.0.0.1:${(documents.address() as AddressInfo).port}`;
  host = await testHost({ loopbackOrigins: [documentsUrl] });
  owner = String((await call("createTenant", ["acme"]))["key"]);
  userId = String((await call("createUser", [EMAIL, { password: PASSWORD, roles: ["developer"] }], owner))["id"]);
});
afterAll(async () => {
  documents.close();
  await host.stop();
});

const insecure = { execute: [client.allowInsecureRequests] };

async function registered(more: object = {}): Promise<client.Configuration> {
  const metadata = { client_name: "A test", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none", ...more };
  return client.dynamicClientRegistration(new URL(host.url), metadata, client.None(), { algorithm: "oauth2", ...insecure });
}

interface Flow {
  config: client.Configuration;
  url: URL;
  verifier: string;
  state: string;
}

async function begin(config: client.Configuration, parameters: Record<string, string> = {}): Promise<Flow> {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: "db:read db:write executions:write",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    resource: host.url,
    state,
    ...parameters,
  });
  return { config, url, verifier, state };
}

async function tokensFor(flow: Flow): Promise<client.TokenEndpointResponse> {
  const callback = await consent(flow.url, { email: EMAIL, password: PASSWORD });
  return client.authorizationCodeGrant(
    flow.config,
    callback,
    { pkceCodeVerifier: flow.verifier, expectedState: flow.state },
    { resource: host.url },
  );
}

const who = async (token: string) => {
  const response = await fetch(`${host.url}/auth`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe("metadata", () => {
  it("says where everything is (RFC 8414, RFC 9728)", async () => {
    const server = (await (await fetch(`${host.url}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>;
    expect(server).toMatchObject({
      issuer: host.url,
      authorization_endpoint: `${host.url}/authorize`,
      token_endpoint: `${host.url}/token`,
      registration_endpoint: `${host.url}/register`,
      revocation_endpoint: `${host.url}/revoke`,
      introspection_endpoint: `${host.url}/introspect`,
      code_challenge_methods_supported: ["S256"],
      response_types_supported: ["code"],
      client_id_metadata_document_supported: true,
      authorization_response_iss_parameter_supported: true,
    });
    for (const [path, resource] of [
      ["", host.url],
      ["/mcp", `${host.url}/mcp`],
    ]) {
      const answer = await fetch(`${host.url}/.well-known/oauth-protected-resource${path}`);
      expect(await answer.json()).toMatchObject({ resource, authorization_servers: [host.url], bearer_methods_supported: ["header"] });
    }
  });

  it("is named by every 401, and a 403 names the scope that is missing", async () => {
    const nobody = await fetch(`${host.url}/executions`);
    expect(nobody.headers.get("www-authenticate")).toBe(
      `Bearer realm="do", resource_metadata="${host.url}/.well-known/oauth-protected-resource"`,
    );
    const mcp = await fetch(`${host.url}/mcp`);
    expect(mcp.headers.get("www-authenticate")).toContain(`resource_metadata="${host.url}/.well-known/oauth-protected-resource/mcp"`);
    const wrong = await fetch(`${host.url}/auth`, { headers: { authorization: "Bearer wrong" } });
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_token"');
    const { key } = await call("createApiKey", ["narrow", ["db:read"]], owner);
    const denied = await fetch(`${host.url}/rpc/db/upsert`, {
      method: "POST",
      headers: { authorization: `Bearer ${String(key)}`, "content-type": "application/json" },
      body: JSON.stringify({ params: ["orders", "1", {}] }),
    });
    expect(denied.status).toBe(403);
    expect(denied.headers.get("www-authenticate")).toContain('error="insufficient_scope", scope="db:write:orders"');
    const run = await host.execute({ code: "return 1" }, { authorization: `Bearer ${String(key)}` });
    expect(run.status).toBe(403);
    expect(run.headers.get("www-authenticate")).toContain('error="insufficient_scope", scope="executions:write"');
  });
});

describe("openid-client, through the whole flow", () => {
  it("registers, is allowed by the user, gets tokens, refreshes and revokes them", async () => {
    const config = await registered();
    const tokens = await tokensFor(await begin(config));
    expect(tokens).toMatchObject({ token_type: "bearer", expires_in: 900, scope: "db:read db:write executions:write" });
    expect((await who(tokens.access_token)).body).toMatchObject({
      principal: { kind: "user", id: userId, tenant: "acme", tier: "tenant" },
      scopes: ["db:read", "db:write", "executions:write"],
    });
    const run = await host.execute(
      { code: `await db.upsert("a", "b", {}); return queue.send("q", 1).catch((e) => e.name)` },
      { authorization: `Bearer ${tokens.access_token}` },
    );
    expect(await run.json()).toMatchObject({ outcome: "threw", error: { message: expect.stringContaining("queue is not defined") } });

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? "", { resource: host.url });
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect((await who(refreshed.access_token)).status).toBe(200);

    await client.tokenRevocation(config, refreshed.refresh_token ?? "");
    expect((await who(refreshed.access_token)).status).toBe(401);
    await expect(client.refreshTokenGrant(config, refreshed.refresh_token ?? "")).rejects.toMatchObject({ error: "invalid_grant" });
  });

  it("a code is good once, also for ten who come at the same time", async () => {
    const flow = await begin(await registered());
    const callback = await consent(flow.url, { email: EMAIL, password: PASSWORD });
    const exchange = () =>
      client.authorizationCodeGrant(flow.config, callback, { pkceCodeVerifier: flow.verifier, expectedState: flow.state });
    const results = await Promise.allSettled(Array.from({ length: 10 }, exchange));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    // A code that comes twice was stolen: what was made of it ends (RFC 6749, section 4.1.2).
    const made = results.find((result) => result.status === "fulfilled")?.value;
    expect((await who(made?.access_token ?? "")).status).toBe(401);
  });

  it("without the verifier, or with another, a code is good for nothing", async () => {
    const config = await registered();
    for (const verifier of [client.randomPKCECodeVerifier(), ""]) {
      const flow = await begin(config);
      const callback = await consent(flow.url, { email: EMAIL, password: PASSWORD });
      const body = new URLSearchParams({
        grant_type: "authorization_code",
        code: callback.searchParams.get("code") ?? "",
        redirect_uri: REDIRECT,
        client_id: config.clientMetadata().client_id,
        ...(verifier === "" ? {} : { code_verifier: verifier }),
      });
      const answer = await fetch(`${host.url}/token`, { method: "POST", body });
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { error: string }).error).toMatch(/invalid_(grant|request)/);
    }
  });

  it("a user takes back what they have given, and an administrator what anybody has", async () => {
    const session = String((await call("signIn", [EMAIL, PASSWORD]))["token"]);
    const first = await tokensFor(await begin(await registered()));
    const { items } = await call("listGrants", [], session);
    const [grant] = (items as { id: string; scopes: string[] }[]).slice(-1);
    expect(grant?.scopes).toEqual(["db:read", "db:write", "executions:write"]);
    for (const { id } of items as { id: string }[]) expect(await call("revokeGrant", [id], session)).toEqual({ revoked: true });
    expect((await who(first.access_token)).status).toBe(401);
    const second = await tokensFor(await begin(await registered()));
    const { items: left } = await call("listGrants", [{ userId }], owner);
    for (const { id } of left as { id: string }[]) await call("revokeGrant", [id, { userId }], owner);
    expect((await who(second.access_token)).status).toBe(401);
  });

  it("exchanges a token for a narrower one, and not for a wider one (RFC 8693)", async () => {
    const exchangeType = "urn:ietf:params:oauth:grant-type:token-exchange";
    const config = await registered({ grant_types: ["authorization_code", "refresh_token", exchangeType] });
    const { access_token: subject } = await tokensFor(await begin(config));
    const exchange = (scope: string) =>
      client.genericGrantRequest(config, exchangeType, {
        subject_token: subject,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        scope,
      });
    const narrow = await exchange("db:read");
    expect((await who(narrow.access_token)).body["scopes"]).toEqual(["db:read"]);
    const wider = await exchange("db:read queue:write").then(
      ({ scope }) => scope,
      ({ error }: { error: string }) => error,
    );
    expect(["db:read", "invalid_scope"]).toContain(wider);
  });

  it("a member who loses a right loses it through the client too, and one who is disabled loses all", async () => {
    const email = "grace@example.test";
    const { id } = await call("createUser", [email, { password: PASSWORD, roles: ["developer"] }], owner);
    const flow = await begin(await registered());
    const callback = await consent(flow.url, { email, password: PASSWORD });
    const { access_token: token } = await client.authorizationCodeGrant(flow.config, callback, {
      pkceCodeVerifier: flow.verifier,
      expectedState: flow.state,
    });
    await call("unassignRole", ["developer", id], owner);
    await call("assignRole", ["viewer", id], owner);
    expect((await who(token)).body["scopes"]).toEqual(["db:read"]);
    await call("updateUser", [id, { disabled: true }], owner);
    expect(await who(token)).toMatchObject({ status: 401, body: { reason: "OWNER_GONE" } });
  });

  it("a token for /mcp is not one for the API, and the other way round", async () => {
    const config = await registered();
    const resource = `${host.url}/mcp`;
    const flow = await begin(config, { resource });
    const callback = await consent(flow.url, { email: EMAIL, password: PASSWORD });
    const { access_token: token } = await client.authorizationCodeGrant(
      config,
      callback,
      { pkceCodeVerifier: flow.verifier, expectedState: flow.state },
      { resource },
    );
    expect((await who(token)).status).toBe(401);
    const there = await fetch(`${host.url}/mcp`, { headers: { authorization: `Bearer ${token}` } });
    expect(there.status).toBe(404);
    const { access_token: ofApi } = await tokensFor(await begin(config));
    expect((await fetch(`${host.url}/mcp`, { headers: { authorization: `Bearer ${ofApi}` } })).status).toBe(401);
  });

  it("introspection is for who may, of their own tenant", async () => {
    const { access_token: token } = await tokensFor(await begin(await registered()));
    const introspect = (key: string) =>
      fetch(`${host.url}/introspect`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: new URLSearchParams({ token }),
      });
    expect(await (await introspect(owner)).json()).toMatchObject({
      active: true,
      sub: userId,
      tenant: "acme",
      scope: expect.stringContaining("db:read"),
    });
    expect(await (await introspect(host.rootKey)).json()).toEqual({ active: false });
    expect((await introspect("nobody")).status).toBe(401);
  });
});

describe("client ID metadata documents", () => {
  it("are the client that they are about", async () => {
    const id = `${documentsUrl}/client.json`;
    const config = await client.discovery(new URL(host.url), id, undefined, client.None(), { algorithm: "oauth2", ...insecure });
    const flow = await begin(config);
    expect((await openConsent(flow.url)).html).toContain("Documented");
    expect((await who((await tokensFor(flow)).access_token)).status).toBe(200);
    const before = documentsAsked;
    await openConsent(flow.url);
    expect(documentsAsked).toBe(before);
  });

  it.each(["/liar.json", "/", "/other.json#x"])("%s is none", async (path) => {
    const url = new URL(
      `${host.url}/authorize?response_type=code&redirect_uri=${encodeURIComponent(REDIRECT)}&code_challenge=x&code_challenge_method=S256`,
    );
    url.searchParams.set("client_id", documentsUrl + path);
    const { response, html } = await openConsent(url);
    expect(response.status).toBe(400);
    expect(html).toContain("Invalid client_id");
  });

  it.each([
    "https://169.254.169.254/client.json",
    "https://localhost/client.json",
    "http://127.0.0.1:1/client.json",
    "https://user@bank.example/c.json",
  ])("%s is not asked for", async (id) => {
    const url = new URL(`${host.url}/authorize?response_type=code&redirect_uri=${encodeURIComponent(REDIRECT)}`);
    url.searchParams.set("client_id", id);
    expect((await openConsent(url)).response.status).toBe(400);
  });
});

describe("the consent page", () => {
  it("names the client, where the answer goes, and each scope; it cannot be framed, and runs nothing", async () => {
    const config = await client.dynamicClientRegistration(
      new URL(host.url),
      { client_name: `<script>alert(1)</script>"'&`, redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" },
      client.None(),
      { algorithm: "oauth2", ...insecure },
    );
    const { response, html, offered } = await openConsent((await begin(config, { scope: "db:read:orders/* queue:write openid" })).url);
    expect(html).not.toContain("<script");
    expect(html).toContain("&#60;script&#62;");
    expect(html).toContain("a program on your own machine");
    expect(offered).toEqual(["db:read:orders/*", "queue:write"]);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("default-src 'none'");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.getSetCookie()[0]).toMatch(/^__Host-.*; .*HttpOnly/);
  });

  it("is not answered by another site, nor without the browser that it was shown to, nor twice", async () => {
    const { url } = await begin(await registered());
    const answer = { email: EMAIL, password: PASSWORD };
    const page = await openConsent(url);
    expect((await sendConsent(url, page, answer, { origin: "https://evil.example" })).status).toBe(403);
    expect((await sendConsent(url, page, answer, { origin: "null" })).status).toBe(403);
    expect((await sendConsent(url, { ...page, cookie: "" }, answer)).status).toBe(400);
    const other = await openConsent(url);
    expect((await sendConsent(url, { ...page, cookie: other.cookie }, answer)).status).toBe(400);
    expect((await sendConsent(url, page, answer)).status).toBe(303);
    expect((await sendConsent(url, page, answer)).status).toBe(400);
  });

  it("a wrong password gives nothing, says nothing more, and can be put right", async () => {
    const { url } = await begin(await registered());
    const page = await openConsent(url);
    const wrong = await sendConsent(url, page, { email: EMAIL, password: "wrong" });
    expect(wrong.status).toBe(401);
    const again = await pageOf(wrong);
    expect(again.html).toContain("the e-mail address or the password is not right");
    const nobody = await pageOf(await sendConsent(url, again, { email: "nobody@example.test", password: "wrong" }));
    expect(nobody.html).toContain("the e-mail address or the password is not right");
    expect((await sendConsent(url, nobody, { email: EMAIL, password: PASSWORD })).status).toBe(303);
  });

  it("gives what was ticked, of what was asked for", async () => {
    const flow = await begin(await registered());
    const page = await openConsent(flow.url);
    const response = await sendConsent(flow.url, page, { email: EMAIL, password: PASSWORD, scopes: ["db:read", "queue:write", "*"] });
    const tokens = await client.authorizationCodeGrant(flow.config, new URL(response.headers.get("location") ?? ""), {
      pkceCodeVerifier: flow.verifier,
      expectedState: flow.state,
    });
    expect(tokens.scope).toBe("db:read");
  });

  it("denied, the client is told so, with its state and the issuer", async () => {
    const { url, state } = await begin(await registered());
    const location = await consent(url, { email: "", password: "", decision: "deny" });
    expect(Object.fromEntries(location.searchParams)).toMatchObject({ error: "access_denied", state, iss: host.url });
  });

  it("asks for the tenant of who belongs to several", async () => {
    const other = String((await call("createTenant", ["umbrella"]))["key"]);
    await call("addMember", [userId, { roles: ["viewer"] }], other);
    const flow = await begin(await registered());
    const first = await pageOf(await sendConsent(flow.url, await openConsent(flow.url), { email: EMAIL, password: PASSWORD }));
    expect(first.html).toContain("<option>acme</option><option>umbrella</option>");
    const response = await sendConsent(flow.url, first, { email: EMAIL, password: PASSWORD, tenant: "umbrella" });
    const tokens = await client.authorizationCodeGrant(flow.config, new URL(response.headers.get("location") ?? ""), {
      pkceCodeVerifier: flow.verifier,
      expectedState: flow.state,
    });
    expect((await who(tokens.access_token)).body).toMatchObject({ principal: { tenant: "umbrella" }, scopes: ["db:read"] });
    await call("removeMember", [userId], other);
    expect((await who(tokens.access_token)).status).toBe(401);
  });
});

describe("requests that are not right", () => {
  const authorize = (parameters: Record<string, string>) =>
    openConsent(`${host.url}/authorize?${new URLSearchParams(parameters).toString()}`);
  const challenge = createHash("sha256").update(randomBytes(32)).digest("base64url");

  it.each([
    ["no client", {}],
    ["an unknown client", { client_id: "nobody" }],
    ["an unregistered place to go", { redirect_uri: "https://evil.example/callback" }],
    ["a place that begins as a registered one", { redirect_uri: `${REDIRECT}/../evil` }],
    ["a registered place and more", { redirect_uri: `${REDIRECT}?x=1` }],
  ])("%s is said here, and nobody is sent anywhere", async (_name, parameters) => {
    const config = await registered();
    const all = { response_type: "code", code_challenge: challenge, code_challenge_method: "S256", redirect_uri: REDIRECT, ...parameters };
    const { response, html } = await authorize(_name === "no client" ? all : { client_id: config.clientMetadata().client_id, ...all });
    expect(response.status).toBe(400);
    expect(response.headers.get("location")).toBeNull();
    expect(html).toContain("This does not work");
  });

  it.each([
    ["no PKCE", {}, "invalid_request"],
    ["plain PKCE", { code_challenge: challenge, code_challenge_method: "plain" }, "invalid_request"],
    ["an implicit flow", { response_type: "token", code_challenge: challenge, code_challenge_method: "S256" }, "unsupported_response_type"],
    ["another resource", { resource: "https://other.example", code_challenge: challenge, code_challenge_method: "S256" }, "invalid_target"],
  ])("%s goes back to the client as an error", async (_name, parameters, error) => {
    const config = await registered();
    const { response } = await authorize({
      client_id: config.clientMetadata().client_id,
      response_type: "code",
      redirect_uri: REDIRECT,
      state: "s",
      ...parameters,
    });
    expect(response.status).toBe(302);
    const location = new URL(response.headers.get("location") ?? "");
    expect(Object.fromEntries(location.searchParams)).toMatchObject({ error, state: "s" });
  });

  it("headers of the host's own are not taken from outside, and no site reads an answer", async () => {
    const answer = await fetch(`${host.url}/.well-known/oauth-authorization-server`, {
      headers: { "x-do-issuer": "https://evil.example", origin: "https://evil.example" },
    });
    expect(await answer.json()).toMatchObject({ issuer: host.url });
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  it("clients are made, listed and deleted by the operator; deleted, they are out", async () => {
    const made = await call("createClient", ["Service", [REDIRECT], { confidential: true }]);
    expect(made).toMatchObject({ clientName: "Service", clientSecret: expect.any(String), tokenEndpointAuthMethod: "client_secret_basic" });
    const { items } = await call("listClients", [{ limit: 1_000 }]);
    expect(JSON.stringify(items)).not.toContain(made["clientSecret"]);
    expect((items as { clientId: string }[]).map(({ clientId }) => clientId)).toContain(made["clientId"]);
    expect(await call("createClient", ["x", [REDIRECT]], owner)).toMatchObject({ reason: "OPERATOR_ONLY" });
    expect(await call("createClient", ["x", ["http://evil.example/x"]])).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await call("deleteClient", [made["clientId"]])).toEqual({ deleted: true });
    expect(await call("deleteClient", [made["clientId"]])).toEqual({ deleted: false });
  });
});
