import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mayRead, maySend } from "../../support/browser.ts";
import { gatewayOf, type TestGateway } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { echo, startUpstream, type Upstream } from "../../support/upstream.ts";

const APP = "https://app.example.com";
const OTHER = "https://other.example.com";

let host: TestHost;
let upstream: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startUpstream();
  host = await testHost({ loopbackOrigins: [upstream.origin], hosts: { "api.acme.example": "root" } });
  gateway = gatewayOf(host);
  await gateway.call("setEgress", { allow: [`127.0.0.1:${upstream.port}`] });
});
afterAll(() => Promise.all([host.stop(), upstream.stop()]));
beforeEach(() => {
  upstream.handle = echo;
  upstream.seen.length = 0;
});

const target = () => ({ url: `${upstream.origin}/{0}` });

/** As a browser asks before it sends. */
function before(path: string, origin: string, method = "PUT", names: readonly string[] = []): Promise<Response> {
  const headers = { origin, "access-control-request-method": method };
  return fetch(host.url + path, {
    method: "OPTIONS",
    headers: { ...headers, ...(names.length > 0 ? { "access-control-request-headers": names.join(",") } : {}) },
  });
}

describe("a preflight", () => {
  it("is answered before any credential is asked for, and its target is not asked", async () => {
    const path = await gateway.route({
      target: target(),
      auth: "tenant",
      cors: { origins: [APP], headers: ["authorization"], maxAgeSeconds: 60 },
    });
    const answer = await before(`${path}/x`, APP, "PUT", ["authorization"]);
    const wanted = { origin: APP, method: "PUT", headers: ["authorization"], withCredentials: false };
    expect([answer.status, await answer.text(), maySend(answer.status, answer.headers, wanted)]).toEqual([204, "", true]);
    expect(answer.headers.get("access-control-max-age")).toBe("60");
    expect(upstream.seen).toEqual([]);
    const authorization = `Bearer ${host.rootKey}`;
    const sent = await fetch(`${host.url}${path}/x`, { method: "PUT", headers: { origin: APP, authorization }, body: "a" });
    expect([sent.status, mayRead(sent.headers, APP, false), upstream.seen.length]).toEqual([200, true, 1]);
  });

  it.each([
    [OTHER, "PUT", [], "CORS_ORIGIN"],
    ["null", "PUT", [], "CORS_ORIGIN"],
    [APP, "DELETE", [], "CORS_METHOD"],
    [APP, "PUT", ["x-b"], "CORS_HEADER"],
  ] as const)("of %s by %s with %j is refused: %s", async (origin, method, names, reason) => {
    const path = await gateway.route({ target: target(), cors: { origins: [APP], methods: ["PUT"], headers: ["x-a"] } });
    const answer = await before(`${path}/x`, origin, method, names);
    expect([answer.status, ((await answer.json()) as { reason: string }).reason]).toEqual([403, reason]);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    expect(answer.headers.get("vary")).toMatch(/Origin/);
    expect(upstream.seen).toEqual([]);
  });

  it("is the target's own where no route says anything of other origins, as is an OPTIONS that is none", async () => {
    upstream.handle = (_request, response) =>
      void response.writeHead(204, { "access-control-allow-origin": "https://theirs.example" }).end();
    const silent = await gateway.route({ target: target() });
    expect((await before(`${silent}/x`, APP)).headers.get("access-control-allow-origin")).toBe("https://theirs.example");
    const spoken = await gateway.route({ target: target(), cors: { origins: [APP] } });
    const own = await fetch(`${host.url}${spoken}/x`, { method: "OPTIONS", headers: { origin: APP } });
    expect([own.status, own.headers.get("access-control-allow-origin"), upstream.seen.length]).toEqual([204, APP, 2]);
  });

  it("of a route that takes a header is for each route that the request may take", async () => {
    const path = await gateway.route({ target: target() });
    const name = path.split("/").at(-1) ?? "";
    await gateway.call("setRoute", `${name}-beta`, {
      match: { path: `/${name}/*`, headers: { "x-beta": { exact: "1" } } },
      target: target(),
      auth: "none",
      cors: { origins: [APP], headers: ["x-beta"] },
    });
    // With another value it would be the route beneath, which lets no other origin in.
    expect((await before(`${path}/x`, APP, "PUT", ["x-beta"])).status).toBe(403);
  });
});

describe("an answer", () => {
  const answered = async (path: string, origin: string) => {
    const answer = await fetch(`${host.url}${path}/x`, { headers: { origin } });
    return {
      status: answer.status,
      readable: mayRead(answer.headers, origin, false),
      vary: answer.headers.get("vary"),
      body: await answer.text(),
    };
  };

  it.each([
    ["of the target", {}, 200],
    ["that the target makes a failure", { url: 500 }, 500],
    ["in place of a failure", { url: 500, fallback: { response: { json: "instead" } } }, 200],
    ["that is no JSON where it must be", { url: "html", json: "required" as const }, 502],
    ["without the credential", { auth: "tenant" as const }, 401],
    ["over the rate", { rateLimit: { limit: 1, windowMs: 60_000, by: "all" as const } }, 429],
  ])("%s is for the page that may, and for no other", async (_what, { url, ...spec }: { url?: unknown } & object, status) => {
    upstream.handle = (request, response) => {
      if (url === 500) response.writeHead(500).end("broken");
      else if (url === "html") response.writeHead(200, { "content-type": "text/html" }).end("<h1>");
      else echo(request, response);
    };
    const path = await gateway.route({ target: target(), cors: { origins: [APP] }, ...spec });
    if (status === 429) await answered(path, APP);
    expect(await answered(path, APP)).toMatchObject({ status, readable: true, vary: expect.stringMatching(/Origin/) as string });
    expect(await answered(path, OTHER)).toMatchObject({ status, readable: false, vary: expect.stringMatching(/Origin/) as string });
    expect(await answered(path, "null")).toMatchObject({ status, readable: false });
  });

  it("that is kept is said to each page anew", async () => {
    upstream.handle = (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "access-control-allow-origin": "https://theirs.example" }).end("kept");
    };
    const path = await gateway.route({ target: target(), cache: {}, cors: { origins: [APP, "https://*.shops.example"] } });
    expect(await answered(path, OTHER)).toMatchObject({ readable: false });
    expect(await answered(path, APP)).toMatchObject({ readable: true, body: "kept" });
    expect(await answered(path, "https://a.b.shops.example")).toMatchObject({ readable: true, body: "kept" });
    expect(await answered(path, "https://theirs.example")).toMatchObject({ readable: false });
    expect(upstream.seen).toHaveLength(1);
  });

  it("with cookies is for a host of the tenant's own", async () => {
    const cors = { origins: [APP], credentials: true };
    const spec = { match: { path: "/mine" }, target: target(), auth: "none", cors };
    const refused = await gateway.attempt("setRoute", "with-cookies", { ...spec, target: { response: { json: 1 } } });
    expect([refused.status, refused.body["message"]]).toEqual([400, expect.stringMatching(/needs a match\.host/)]);
    await gateway.call("setRoute", "with-cookies", {
      ...spec,
      match: { path: "/mine", host: "api.acme.example" },
      target: { response: { json: 1 } },
    });
    const { headers } = await onOwnHost("/mine", { origin: APP });
    const said = new Headers(Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]));
    expect([mayRead(said, APP, true), said.get("access-control-allow-origin")]).toEqual([true, APP]);
  });
});

function onOwnHost(path: string, headers: Record<string, string>): Promise<{ headers: IncomingHttpHeaders; body: string }> {
  const { hostname, port } = new URL(host.url);
  return new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path, headers: { ...headers, host: "api.acme.example" } }, (response) => {
      void readText(response).then((body) => resolve({ headers: response.headers, body }));
    })
      .once("error", reject)
      .end();
  });
}
