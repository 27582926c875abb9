import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { functionPathOf, requestHeaders, responseHeaders, versionOverride } from "../../../workers/do/src/functions/http.ts";
import { gatewayFor } from "./support.ts";

const ECHO = `export default { async fetch(request, env) {
  return Response.json({ method: request.method, url: request.url, headers: [...request.headers], body: await request.text() }, {
    headers: { "set-cookie": "a=1", "x-mine": "yes", "x-function-version": "forged", "connection": "x-hop", "x-hop": "1" } });
} }`;

const { gateway, binding, tenant } = gatewayFor();
const site = exports.default as unknown as Fetcher;
/** As the principal of the tenant, which the binding is. */
const ask = (path: string, init?: RequestInit) => (binding as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/${path}`, init);
const askAnonymously = (path: string, init?: RequestInit) => site.fetch(`http://do.example/fn/${tenant}/${path}`, init);

describe("/fn/:tenant/:function/*", () => {
  it("a Worker gets the rest of the path, without what is not for it", async () => {
    const { version } = await gateway.deploy("echo", { code: ECHO });
    const response = await ask("echo/a/b?c=d", {
      method: "POST",
      body: "hello",
      headers: {
        cookie: "session=1",
        "x-do-principal": "root",
        "x-forwarded-for": "6.6.6.6",
        connection: "x-secret",
        "x-secret": "1",
        "x-mine": "2",
      },
    });
    const seen = await response.json<{ method: string; url: string; headers: [string, string][]; body: string }>();
    expect(seen).toMatchObject({ method: "POST", url: "http://do.example/a/b?c=d", body: "hello" });
    const headers = new Map(seen.headers);
    expect(headers.get("x-mine")).toBe("2");
    expect(headers.get("x-forwarded-prefix")).toBe(`/fn/${tenant}/echo`);
    for (const name of ["authorization", "cookie", "x-do-principal", "x-forwarded-for", "connection", "x-secret"])
      expect(headers.get(name)).toBeUndefined();
    expect(response.headers.get("x-mine")).toBe("yes");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(response.headers.get("x-hop")).toBeNull();
    expect(response.headers.get("x-function-version")).toBe(version);
    expect(response.headers.get("content-security-policy")).toMatch(/^sandbox /);
    expect(response.headers.get("x-execution-id")).toMatch(/^exec_/);
  });

  it("a function of one context gets JSON and answers it", async () => {
    await gateway.deploy("sum", {
      code: "export default ({ input, request }) => ({ sum: input.a + input.b, path: new URL(request.url).pathname })",
    });
    const response = await ask("sum/x", { method: "POST", body: '{"a":1,"b":2}', headers: { "content-type": "application/json" } });
    expect([response.status, await response.json()]).toEqual([200, { sum: 3, path: "/x" }]);
  });

  it("an answer streams as it is made", async () => {
    await gateway.deploy("stream", {
      code: `export default { fetch(request) {
        const { readable, writable } = new TransformStream();
        const writer = writable.getWriter();
        (async () => { for (let n = 0; n < 3; n++) { await writer.write(new TextEncoder().encode(n + "\\n")); await new Promise((r) => setTimeout(r, 20)); } await writer.close(); })();
        return new Response(readable);
      } }`,
    });
    const response = await ask("stream");
    expect(await response.text()).toBe("0\n1\n2\n");
  });

  it.each([
    ["throws", "export default { fetch() { throw new TypeError('broken') } }", 502, "FUNCTION_THREW"],
    ["answers no Response", "export default { fetch() { return 'text' } }", 502, "FUNCTION_THREW"],
    ["never ends", "export default { fetch() { for (;;); } }", 502, "FUNCTION_CPU_LIMIT"],
    ["waits too long", "export default { async fetch() { await new Promise((r) => setTimeout(r, 60_000)) } }", 504, "FUNCTION_TIMEOUT"],
  ])("a function that %s is a problem of the gateway's", async (name, code, status, reason) => {
    const functionName = name.replaceAll(" ", "-");
    await gateway.deploy(functionName, { code, limits: { cpuMs: 100, wallMs: 1_000 } });
    const response = await ask(functionName);
    expect([response.status, (await response.json<{ reason: string }>()).reason]).toEqual([status, reason]);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });

  it("to a stranger a private function is one that is not there; a public one answers", async () => {
    await gateway.deploy("private", { code: "export default () => 1" });
    await gateway.deploy("public", { code: "export default () => ({ ok: true })", public: true });
    const [secret, gone, open] = await Promise.all([askAnonymously("private"), askAnonymously("gone"), askAnonymously("public")]);
    const without = async (response: Response) => ({ ...(await response.json<object>()), requestId: "" });
    expect([secret.status, await without(secret)]).toEqual([gone.status, await without(gone)]);
    expect(secret.status).toBe(404);
    expect([open.status, await open.json()]).toEqual([200, { ok: true }]);
    const { binding: other } = gatewayFor("tenant");
    expect((await (other as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/private`)).status).toBe(404);
  });

  it("a version is named by who may, and by nobody else", async () => {
    const one = await gateway.deploy("ver", { code: "export default () => 'one'", public: true });
    const two = await gateway.deploy("ver", { code: "export default () => 'two'", live: false });
    await gateway.setDeployment("ver", [
      { version: one.version, percentage: 100 },
      { version: two.version, percentage: 0 },
    ]);
    const headers = { "cloudflare-workers-version-overrides": `other="x", ver="${two.version}"` };
    expect(await (await ask("ver", { headers })).json()).toBe("two");
    expect(await (await askAnonymously("ver", { headers })).json()).toBe("one");
    expect(await (await ask("ver", { headers: { "cloudflare-workers-version-overrides": `ver="ver_gone"` } })).json()).toMatchObject({
      reason: "VERSION_NOT_LIVE",
    });
  });

  it("a body over the input's size is refused for a function of one context", async () => {
    await gateway.deploy("small", { code: "export default ({ input }) => input.length", limits: { inputBytes: 10 } });
    const post = (body: string) => ask("small", { method: "POST", body });
    expect(await (await post("1234567890")).json()).toBe(10);
    expect((await post("12345678901")).status).toBe(413);
  });
});

describe("what is decided about a path and headers", () => {
  it.each([
    ["/fn/acme/shop", { tenant: "acme", name: "shop", rest: "/" }],
    ["/fn/acme/shop/", { tenant: "acme", name: "shop", rest: "/" }],
    ["/fn/acme/shop//x", { tenant: "acme", name: "shop", rest: "//x" }],
    ["/fn/a%40b/shop/%2e%2e/x", { tenant: "a@b", name: "shop", rest: "/%2e%2e/x" }],
    ["/fn/acme/sh%6fp", undefined],
    ["/fn/acme/a%2fb", undefined],
    ["/fn/a%2fb/shop", undefined],
    ["/fn/%zz/shop", undefined],
    ["/fn//shop", undefined],
    ["/fn/acme", undefined],
    ["/fn/acme/ns/../shop", { tenant: "acme", name: "ns", rest: "/../shop" }],
    ["/fn/.hidden/shop", undefined],
  ])("%s", (path, wanted) => {
    expect(functionPathOf(path)).toEqual(wanted);
  });

  it("what the connection names is of the connection", () => {
    expect(
      requestHeaders([
        ["connection", "X-A, close"],
        ["x-a", "1"],
        ["x-b", "2"],
      ]),
    ).toEqual([["x-b", "2"]]);
    expect(
      responseHeaders([
        ["Connection", "X-A"],
        ["X-A", "1"],
        ["X-B", "2"],
        ["Transfer-Encoding", "chunked"],
      ]),
    ).toEqual([["x-b", "2"]]);
  });

  it("an override is of one function", () => {
    expect(versionOverride('a="ver_1", b="ver_2"', "b")).toBe("ver_2");
    expect(versionOverride('ab="ver_1"', "b")).toBeUndefined();
    expect(versionOverride("b=ver_1", "b")).toBeUndefined();
    expect(versionOverride(null, "b")).toBeUndefined();
  });
});
