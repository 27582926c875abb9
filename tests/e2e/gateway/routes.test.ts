import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { gatewayOf, type TestGateway } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { echo, startUpstream, type SeenRequest, type Upstream } from "../../support/upstream.ts";

let host: TestHost;
let upstream: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startUpstream();
  host = await testHost({ loopbackOrigins: [upstream.origin], hosts: { "api.acme.example": "root", "*.shops.example": "root" } });
  gateway = gatewayOf(host);
  await gateway.call("setEgress", { allow: [`127.0.0.1:${upstream.port}`] });
});
afterAll(() => Promise.all([host.stop(), upstream.stop()]));
beforeEach(() => {
  upstream.handle = echo;
  upstream.seen.length = 0;
});

const at = (path: string) => upstream.origin + path;

interface Asked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request as it is written: with any host, and a path that nobody has tidied. */
function raw(
  path: string,
  { method = "GET", headers = {}, body = "" }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Asked> {
  const { hostname, port } = new URL(host.url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, method, headers }, (response) => {
      void readText(response).then((text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.once("error", reject).end(body);
  });
}

const seenOf = ({ body }: Asked) => JSON.parse(body) as SeenRequest;

describe("a route to an upstream", () => {
  it("passes on what came: method, path, query, headers, body; and answers what it answers", async () => {
    await gateway.call("setRoute", "things", { match: { path: "/things/:id/*" }, target: { url: at("/v1/{id}/x/{0}") }, auth: "none" });
    const answer = await raw("/r/root/things/7/a/b%20c?q=1&q=2", {
      method: "POST",
      headers: { "x-mine": "1", authorization: "Basic abc" },
      body: "hello",
    });
    expect(answer).toMatchObject({ status: 200, headers: { "do-route": "things", "do-target": `upstream:127.0.0.1:${upstream.port}` } });
    const seen = seenOf(answer);
    expect(seen).toMatchObject({ method: "POST", url: "/v1/7/x/a/b%20c?q=1&q=2", body: "hello" });
    // Where the route asks for no credential, one is the target's.
    expect(seen.headers).toMatchObject({
      "x-mine": "1",
      authorization: "Basic abc",
      "x-forwarded-proto": "http",
      host: `127.0.0.1:${upstream.port}`,
    });
  });

  it("with the credential of do asks for it, and does not pass it on", async () => {
    await gateway.call("setRoute", "closed", { match: { path: "/closed" }, target: { url: at("/closed") } });
    expect(await raw("/r/root/closed")).toMatchObject({ status: 401 });
    const answer = await raw("/r/root/closed", { headers: { authorization: `Bearer ${host.rootKey}`, "do-principal": "forged" } });
    expect(answer.status).toBe(200);
    expect(seenOf(answer).headers).toMatchObject({ "do-principal": "root" });
    expect(seenOf(answer).headers).not.toHaveProperty("authorization");
    expect(answer.body).not.toContain(host.rootKey);
  });

  it("changes headers as it is told, both ways", async () => {
    const transform = {
      request: { set: { authorization: "Bearer of-the-route" }, remove: ["x-gone"] },
      response: { set: { "x-new": "1" }, remove: ["x-powered-by"] },
    };
    await gateway.call("setRoute", "changed", { match: { path: "/changed" }, target: { url: at("/") }, transform });
    upstream.handle = (request, response) => {
      response.setHeader("x-powered-by", "x").setHeader("do-route", "forged");
      echo(request, response);
    };
    const answer = await raw("/r/root/changed", { headers: { authorization: `Bearer ${host.rootKey}`, "x-gone": "1" } });
    expect(seenOf(answer).headers).toMatchObject({ authorization: "Bearer of-the-route" });
    expect(seenOf(answer).headers).not.toHaveProperty("x-gone");
    expect(answer.headers).toMatchObject({ "x-new": "1", "do-route": "changed" });
    expect(answer.headers).not.toHaveProperty("x-powered-by");
  });

  it("says nothing on the origin that it shares, and does on a host of its own", async () => {
    await gateway.call("setRoute", "page", { match: { path: "/page" }, target: { url: at("/") }, auth: "none" });
    upstream.handle = (_request, response) =>
      void response.setHeader("set-cookie", "a=1").setHeader("content-type", "text/html").end("<script>alert(1)</script>");
    const shared = await raw("/r/root/page");
    expect(shared.headers).not.toHaveProperty("set-cookie");
    expect(shared.headers["content-security-policy"]).toContain("sandbox");
    const own = await raw("/page", { headers: { host: "api.acme.example" } });
    expect(own.headers["set-cookie"]).toEqual(["a=1"]);
  });

  it("is refused when no rule lets it be reached, also when the rule goes later", async () => {
    expect(
      await gateway.attempt("setRoute", "far", { match: { path: "/far" }, target: { url: "https://api.example.com/" } }),
    ).toMatchObject({
      status: 422,
      body: { reason: "NO_RULE" },
    });
    expect(await gateway.attempt("setRoute", "near", { match: { path: "/near" }, target: { url: "http://127.0.0.1:1/" } })).toMatchObject({
      status: 422,
      body: { reason: "PRIVATE_ADDRESS" },
    });
    await gateway.call("setRoute", "soon", { match: { path: "/soon" }, target: { url: at("/") }, auth: "none" });
    await gateway.call("setEgress", "deny-all");
    expect(await raw("/r/root/soon")).toMatchObject({
      status: 502,
      headers: { "content-type": "application/problem+json", "do-route": "soon" },
    });
    await gateway.call("setEgress", { allow: [`127.0.0.1:${upstream.port}`] });
    expect(await raw("/r/root/soon")).toMatchObject({ status: 200 });
  });
});

describe("which route", () => {
  it("by method, header, host and what says most, and why", async () => {
    const to = (name: string) => ({ response: { json: name } });
    await gateway.call("setRoute", "w-any", { match: { path: "/w/*" }, target: to("any"), auth: "none" });
    await gateway.call("setRoute", "w-id", { match: { path: "/w/:id" }, target: to("id"), auth: "none" });
    await gateway.call("setRoute", "w-me", { match: { path: "/w/me", methods: ["GET"] }, target: to("me"), auth: "none" });
    await gateway.call("setRoute", "w-beta", {
      match: { path: "/w/*", headers: { "X-Beta": { exact: "1" } } },
      target: to("beta"),
      auth: "none",
      priority: 1,
    });
    await gateway.call("setRoute", "w-host", { match: { path: "/w/*", host: "api.acme.example" }, target: to("host"), auth: "none" });
    const which = async (path: string, headers: Record<string, string> = {}, method = "GET") => (await raw(path, { headers, method })).body;
    expect(await which("/r/root/w/me")).toBe(`"me"`);
    expect(await which("/r/root/w/me", {}, "POST")).toBe(`"id"`);
    expect(await which("/r/root/w/7")).toBe(`"id"`);
    expect(await which("/r/root/w/7/8")).toBe(`"any"`);
    expect(await which("/r/root/w/me", { "x-beta": "1" })).toBe(`"beta"`);
    expect(await which("/w/me", { host: "api.acme.example" })).toBe(`"host"`);
    // A host of the tenant is not that of do.
    expect(await which("/r/root/w/me", { host: "api.acme.example" })).toContain("UNKNOWN_ROUTE");
    expect(await gateway.call("match", { url: "http://do.example/r/root/w/me", method: "POST" })).toMatchObject({
      route: "w-id",
      target: "static",
      groups: { id: "me" },
    });
    const { why } = (await gateway.call("match", { url: "https://api.acme.example/w/me" })) as {
      why: { route: string; because: string }[];
    };
    expect(why.slice(0, 2)).toEqual([
      { route: "w-beta", because: "the header x-beta must be there" },
      { route: "w-host", because: "it matches" },
    ]);
  });

  it("none is a 404 in JSON, and the wrong method a 405", async () => {
    await gateway.call("setRoute", "only-get", {
      match: { path: "/only", methods: ["GET"] },
      target: { response: { json: 1 } },
      auth: "none",
    });
    expect(await raw("/r/root/nothing")).toMatchObject({ status: 404, headers: { "content-type": "application/problem+json" } });
    expect(await raw("/r/root/only", { method: "DELETE" })).toMatchObject({ status: 405, headers: { allow: "GET" } });
    expect(await raw("/r/root/only", { method: "TRACE" })).toMatchObject({ status: 405 });
    expect(await raw("/r/nobody-has-this/only")).toMatchObject({ status: 404 });
  });

  it("of two that match the same is refused, and a changed one counts at once", async () => {
    await gateway.call("setRoute", "one", { match: { path: "/same/:a" }, target: { response: { json: 1 } }, auth: "none" });
    expect(await gateway.attempt("setRoute", "two", { match: { path: "/same/:b" }, target: { response: { json: 2 } } })).toMatchObject({
      status: 409,
      body: { reason: "DUPLICATE_ROUTE", details: { route: "one" } },
    });
    await gateway.call("setRoute", "two", { match: { path: "/same/:b" }, target: { response: { json: 2 } }, priority: 1, auth: "none" });
    expect((await raw("/r/root/same/x")).body).toBe("2");
    expect(await gateway.call("deleteRoute", "two")).toEqual({ deleted: true });
    expect((await raw("/r/root/same/x")).body).toBe("1");
  });
});

describe("tricks", () => {
  it.each([
    "/r/root/open/..%2fclosed",
    "/r/root/open/%2e%2e%2fclosed",
    "/r/root//closed",
    "/r/root/open/..;/closed",
    "/r/root/open%5cclosed",
    "/r/root/a%00b",
  ])("with the path %s are refused", async (path) => {
    await gateway.call("setRoute", "open", { match: { path: "/open/*" }, target: { url: at("/{0}") }, auth: "none" });
    const answer = await raw(path);
    expect(answer.status).toBe(400);
    expect(upstream.seen).toEqual([]);
  });

  it("with dots lead nowhere", async () => {
    for (const path of ["/r/root/open/../../../health", "/r/root/%2e%2e/%2e%2e/auth", "/r/root/./open"])
      expect(await raw(path)).toMatchObject({ status: 400 });
  });

  it("with the host do not take the place of do, nor do take that of a tenant", async () => {
    await gateway.call("setRoute", "all", { match: { path: "/*" }, target: { response: { json: "mine" } }, auth: "none", priority: -1 });
    expect((await raw("/health", { headers: { host: "other.example" } })).body).toBe(`{"status":"up"}`);
    expect((await raw("/health", { headers: { host: "api.acme.example" } })).body).toBe(`"mine"`);
    expect((await raw("/health", { headers: { host: "API.ACME.EXAMPLE:8787" } })).body).toBe(`"mine"`);
    expect((await raw("/health", { headers: { host: "api.acme.example.evil.example" } })).body).toBe(`{"status":"up"}`);
    // The whole of do is not there: not even with the root key.
    expect((await raw("/auth", { headers: { host: "api.acme.example", authorization: `Bearer ${host.rootKey}` } })).body).toBe(`"mine"`);
    await gateway.call("deleteRoute", "all");
  });

  it("with headers of a hop reach no upstream", async () => {
    await gateway.call("setRoute", "hop", { match: { path: "/hop" }, target: { url: at("/") }, auth: "none" });
    const answer = await raw("/r/root/hop", {
      headers: { connection: "x-forwarded-proto", "x-forwarded-for": "1.2.3.4", te: "trailers", "x-do-peer": "1.2.3.4", via: "x" },
    });
    const { headers } = seenOf(answer);
    expect(headers["x-forwarded-for"]).not.toBe("1.2.3.4");
    for (const name of ["te", "x-do-peer", "via"]) expect(headers).not.toHaveProperty(name);
  });

  it("of a route that leads to itself end", async () => {
    await gateway.call("setEgress", { allow: [`127.0.0.1:${upstream.port}`] });
    await gateway.call("setRoute", "loop", { match: { path: "/loop" }, target: { url: at("/") }, auth: "none", timeoutMs: 20_000 });
    // The upstream sends it back to where it came from.
    upstream.handle = ({ headers }, response) => {
      const loops = String(headers["cdn-loop"]);
      void raw("/r/root/loop", { headers: { "cdn-loop": loops } }).then(({ status, body }) => response.writeHead(status).end(body));
    };
    const answer = await raw("/r/root/loop");
    expect(answer).toMatchObject({ status: 508 });
    expect(answer.body).toContain("LOOP_DETECTED");
    expect(upstream.seen).toHaveLength(5);
  });
});

describe("who may", () => {
  it("use a route is said by scopes, of its own tenant", async () => {
    const key = async (permissions: string[]) => {
      const response = await host.ask("/rpc/auth/createApiKey", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ params: ["caller", permissions] }),
      });
      return ((await response.json()) as { result: { key: string } }).result.key;
    };
    await gateway.call("setRoute", "scoped", { match: { path: "/scoped" }, target: { response: { json: 1 } } });
    const ask = async (credential: string, method = "GET") =>
      (await raw("/r/root/scoped", { method, headers: { authorization: `Bearer ${credential}` } })).status;
    const reader = await key(["gateway:read:routes/scoped"]);
    expect([await ask(reader), await ask(reader, "POST")]).toEqual([200, 403]);
    const other = await key(["gateway:*:routes/other"]);
    expect(await ask(other)).toBe(403);
    expect(await ask("do_live_nothing")).toBe(401);
  });

  it("reach a service does so as who made the route", async () => {
    await gateway.call("setRoute", "notes", {
      match: { path: "/notes/:id", methods: ["GET"] },
      target: { service: "db", method: "get", params: ["notes", "{id}"] },
      auth: "none",
    });
    await gateway.call("setRoute", "note", {
      match: { path: "/notes/:id", methods: ["PUT"] },
      target: { service: "db", method: "upsert", params: ["notes", "{id}", "{body}"] },
      auth: "none",
    });
    expect(await raw("/r/root/notes/a", { method: "PUT", body: `{"text":"hi"}` })).toMatchObject({ status: 200 });
    const answer = await raw("/r/root/notes/a");
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([200, { data: { text: "hi" } }]);
    expect(await raw("/r/root/notes/b")).toMatchObject({ status: 200, body: "null" });
    expect(await raw("/r/root/notes/a", { method: "PUT", body: "no json" })).toMatchObject({ status: 400 });
  });
});

describe("what is wrong with a route", () => {
  it.each([
    [{ match: { path: "things" } }, /begin with \//],
    [{ match: { path: "/(a+)+" } }, /literals, :name/],
    [{ match: { path: "/*/*/*" } }, /at most 2/],
    [{ match: { path: "/:a-:b" } }, /one :name/],
    [{ match: { path: "/a/../b" } }, /spelled/],
    [{ match: { path: "/a", methods: ["TRACE"] } }, /methods/],
    [{ match: { path: "/a", host: "localhost" } }, /host/],
    [{ match: { path: "/a" }, target: { url: "https://{0}.example.com/" } }, /path only|no URL/],
    [{ match: { path: "/a" }, target: { url: "https://a.example.com/{id}" } }, /has \{id\}/],
    [{ match: { path: "/a" }, target: { url: "ftp://a.example.com/" } }, /http or https/],
    [{ match: { path: "/a" }, target: { function: "x-{customer}", customer: { from: "subdomain" } } }, /match\.host/],
    [{ match: { path: "/a" }, target: { function: "x-{customer}", customer: { from: "claim", name: "org" } }, auth: "none" }, /needs auth/],
    [{ match: { path: "/a" }, transform: { request: { set: { host: "x" } } } }, /do itself sets/],
    [{ match: { path: "/a" }, retry: { attempts: 6 } }, /attempts/],
  ])("%j", async (route, message) => {
    const { status, body } = await gateway.attempt("setRoute", "bad", { target: { response: { json: 1 } }, ...route });
    expect([status, String(body["message"])]).toEqual([400, expect.stringMatching(message) as string]);
  });
});
