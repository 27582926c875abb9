import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RouteSpec } from "../../../sdk/src/gateway.ts";
import type { ExecutionRecord } from "../../../sdk/src/types.ts";
import { gatewayOf, type TestGateway } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { echo, startUpstream, type Upstream } from "../../support/upstream.ts";

let host: TestHost;
let upstream: Upstream;
let gateway: TestGateway;
let other: Upstream;
let n = 0;

beforeAll(async () => {
  [upstream, other] = await Promise.all([startUpstream(), startUpstream()]);
  host = await testHost({ loopbackOrigins: [upstream.origin, other.origin] });
  gateway = gatewayOf(host);
  await gateway.call("setEgress", {
    allow: { [here(upstream)]: [{ transform: [{ headers: { "x-api-key": "hidden-from-code" } }] }], [here(other)]: [] },
  });
});
afterAll(() => Promise.all([host.stop(), upstream.stop(), other.stop()]));
beforeEach(() => {
  upstream.handle = echo;
  upstream.seen.length = 0;
  other.seen.length = 0;
});

const here = ({ port }: Upstream) => `127.0.0.1:${port}`;

/** Deploys a function, and leads a route to it. @returns the path of the route */
async function routed(code: string, spec: Partial<RouteSpec> = {}, more: object = {}): Promise<string> {
  const name = `target-${++n}`;
  await gateway.call("deploy", name, { code, ...more });
  await gateway.call("setRoute", name, {
    match: { path: `/${name}/*` },
    target: { function: name },
    auth: "none",
    circuit: false,
    ...spec,
  });
  return `/r/root/${name}`;
}

const ECHO = `export default {
  async fetch(request, env, ctx) {
    return Response.json({ method: request.method, url: request.url, headers: [...request.headers], body: await request.text() });
  },
};`;

describe("a function that a route leads to", () => {
  it("gets the request, at the paths of its tenant, with what do says and nothing that others say", async () => {
    const path = await routed(ECHO);
    const answer = await fetch(`${host.url}${path}/a%20b?x=1`, {
      method: "POST",
      headers: { "content-type": "text/plain", "x-mine": "1", "do-principal": "root", "x-forwarded-for": "9.9.9.9", "cf-ray": "1" },
      body: "hello",
    });
    const seen = (await answer.json()) as { url: string; method: string; headers: [string, string][]; body: string };
    expect(seen).toMatchObject({ method: "POST", body: "hello", url: `${host.url}/target-${n}/a%20b?x=1` });
    expect(Object.fromEntries(seen.headers)).toMatchObject({
      "x-mine": "1",
      "x-forwarded-prefix": "/r/root",
      "x-forwarded-host": new URL(host.url).host,
    });
    const text = JSON.stringify(seen.headers);
    expect([text.includes("do-principal"), text.includes("9.9.9.9"), text.includes("cf-ray")]).toEqual([false, false, false]);
    expect(answer.headers.get("do-target")).toBe(`function:target-${n}`);
    expect(answer.headers.get("x-function-version")).toMatch(/^ver_/);
  });

  it("streams its answer", async () => {
    const path = await routed(`export default { fetch: () => new Response(new ReadableStream({
      async start(c) { c.enqueue(new TextEncoder().encode("one")); await new Promise((r) => setTimeout(r, 300)); c.enqueue(new TextEncoder().encode("two")); c.close(); },
    })) };`);
    const answer = await fetch(`${host.url}${path}/`);
    const chunks: string[] = [];
    for await (const chunk of answer.body ?? []) chunks.push(new TextDecoder().decode(chunk as Uint8Array));
    expect(chunks).toEqual(["one", "two"]);
  });

  it("of one context gets the body as its input, and its value is JSON", async () => {
    const path = await routed(`export default ({ input }) => ({ got: input })`);
    const answer = await fetch(`${host.url}${path}/`, { method: "POST", headers: { "content-type": "application/json" }, body: `{"a":1}` });
    expect(await answer.json()).toEqual({ got: { a: 1 } });
  });

  it("is one of a namespace, by the customer that is named", async () => {
    await gateway.call("createNamespace", "customers");
    for (const id of ["acme", "globex"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await gateway.call("deploy", `customers/${id}`, {
        code: `export default { fetch: () => Response.json({ of: ${JSON.stringify(id)} }) }`,
      });
    }
    const name = `customers-${++n}`;
    const target = { function: "customers/{customer}", customer: { from: "header", name: "x-customer-id" } } as const;
    await gateway.call("setRoute", name, { match: { path: `/${name}` }, target, auth: "none", json: "required" });
    const of = async (id: string) => (await fetch(`${host.url}/r/root/${name}`, { headers: { "x-customer-id": id } })).json();
    expect([await of("acme"), await of("globex")]).toEqual([{ of: "acme" }, { of: "globex" }]);
    expect(await of("initech")).toMatchObject({ reason: "NO_SUCH_FUNCTION" });
    expect(await of("../acme")).toMatchObject({ reason: "NO_CUSTOMER" });
  });

  it.each([
    ["throws", `export default { fetch() { throw new Error("no") } }`, 502, "FUNCTION_THREW"],
    ["loops", `export default { fetch() { for (;;); } }`, 502, "FUNCTION_CPU_LIMIT"],
    ["never answers", `export default { fetch: () => new Promise(() => {}) }`, 504, "TARGET_TIMEOUT"],
    [
      "answers a page",
      `export default { fetch: () => new Response("<h1>hi</h1>", { headers: { "content-type": "text/html" } }) }`,
      502,
      "NOT_JSON",
    ],
    ["answers nothing", `export default { fetch: () => new Response(null, { status: 204 }) }`, 502, "NOT_JSON"],
    [
      "says that half is JSON",
      `export default { fetch: () => new Response('{"a":', { headers: { "content-type": "application/json" } }) }`,
      502,
      "NOT_JSON",
    ],
  ])("that %s is a problem in JSON, with its name", async (_does, code, status, reason) => {
    const path = await routed(code, { json: "required", timeoutMs: 3_000 }, { limits: { cpuMs: 50 } });
    const answer = await fetch(`${host.url}${path}/`);
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("do-target")]).toEqual([
      status,
      "application/problem+json",
      `function:target-${n}`,
    ]);
    expect(await answer.json()).toMatchObject({ reason });
  });

  it("is ended when its time is over", async () => {
    const path = await routed(`export default { fetch: () => new Promise(() => {}) }`, { timeoutMs: 300 });
    expect((await fetch(`${host.url}${path}/`)).status).toBe(504);
    const running = async () =>
      ((await (await host.ask("/executions?state=running")).json()) as { items: { cause?: string }[] }).items.filter(
        ({ cause }) => cause === `route:target-${n}`,
      ).length;
    await expect.poll(running).toBe(0);
  });

  it("is asked as who made the route: not once that may no longer", async () => {
    const made = async (scopes: string[]) => {
      const response = await host.ask("/rpc/auth/createApiKey", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ params: ["maker", scopes] }),
      });
      return ((await response.json()) as { result: { id: string; key: string } }).result;
    };
    await routed(ECHO);
    const target = `target-${n}`;
    const maker = await made(["gateway:manage:routes/*", "gateway:write:invoke/*"]);
    const poor = await made(["gateway:manage:routes/*"]);
    const set = (key: string, name: string) =>
      fetch(`${host.url}/rpc/gateway/setRoute`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({
          params: [name, { match: { path: `/${name}` }, target: { function: target }, auth: "none", circuit: false }],
        }),
      });
    expect([(await set(maker.key, `by-maker-${n}`)).status, (await set(poor.key, `by-poor-${n}`)).status]).toEqual([200, 200]);
    expect((await fetch(`${host.url}/r/root/by-poor-${n}`)).status).toBe(502);
    expect((await fetch(`${host.url}/r/root/by-maker-${n}`)).status).toBe(200);
    await host.ask("/rpc/auth/revokeApiKey", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ params: [maker.id] }),
    });
    expect((await fetch(`${host.url}/r/root/by-maker-${n}`)).status).toBe(502);
  });
});

describe("the network of a function", () => {
  const FETCHES = `export default { async fetch(request) {
    const to = new URL(request.url).searchParams.get("to");
    return fetch(to).then(async (r) => Response.json({ ok: (await r.json()).headers?.["x-api-key"] ?? "none" }), (e) => Response.json({ reason: e.reason ?? e.message }));
  } };`;
  const via = async (path: string, to: string) => (await fetch(`${host.url}${path}/?to=${encodeURIComponent(to)}`)).json();

  it("is what its tenant's rules allow, and each call is in the execution", async () => {
    const path = await routed(FETCHES);
    expect(await via(path, `${upstream.origin}/x?y=1`)).toEqual({ ok: "hidden-from-code" });
    expect(await via(path, "http://10.0.0.1/")).toEqual({ reason: "EGRESS_DENIED" });
    expect(upstream.seen).toHaveLength(1);
    const answer = await fetch(`${host.url}${path}/?to=${encodeURIComponent(upstream.origin)}`);
    await answer.text();
    const record = async () => (await (await host.ask(`/executions/${answer.headers.get("x-execution-id")}`)).json()) as ExecutionRecord;
    await expect.poll(record).toMatchObject({ outcome: "ok", requests: [{ method: "GET", url: upstream.origin + "/", status: 200 }] });
  });

  it("is narrowed by its own rules, and not widened", async () => {
    const narrow = await routed(FETCHES, {}, { egress: { allow: { [here(upstream)]: [{ match: { path: { startsWith: "/v1/" } } }] } } });
    expect(await via(narrow, `${upstream.origin}/v1/x`)).toEqual({ ok: "hidden-from-code" });
    expect(await via(narrow, `${upstream.origin}/v2/x`)).toEqual({ reason: "EGRESS_DENIED" });
    expect(await via(narrow, `${other.origin}/`)).toEqual({ reason: "EGRESS_DENIED" });
    const none = await routed(FETCHES, {}, { egress: "deny-all" });
    expect(await via(none, `${upstream.origin}/v1/x`)).toEqual({ reason: "EGRESS_DENIED" });
    const wide = await routed(FETCHES, {}, { egress: { allow: ["*", "unruled.example.com"] } });
    expect(await via(wide, "https://unruled.example.com/")).toEqual({ reason: "EGRESS_DENIED" });
    expect(upstream.seen).toHaveLength(1);
    expect(other.seen).toEqual([]);
  });

  it("takes no rules of its own that add to requests or answer them", async () => {
    for (const rule of [{ transform: [{ headers: { a: "b" } }] }, { response: { statusCode: 200 } }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, body } = await gateway.attempt("deploy", "refused", { code: ECHO, egress: { allow: { "api.example.com": [rule] } } });
      expect([status, body["detail"]]).toMatchObject([400, expect.stringMatching(/egress/) as string]);
    }
  });

  it("is not there while it is loaded", async () => {
    const { status, body } = await gateway.attempt("deploy", "early", {
      code: `await fetch("${upstream.origin}"); export default () => 1`,
    });
    expect([status, body["detail"]]).toMatchObject([422, expect.stringMatching(/global scope/) as string]);
    expect(upstream.seen).toEqual([]);
  });

  it("redirects are asked about, each", async () => {
    upstream.handle = (_request, response) => void response.writeHead(302, { location: "http://127.0.0.1:9/" }).end();
    const path = await routed(FETCHES);
    expect(await via(path, upstream.origin)).toEqual({ reason: "EGRESS_DENIED" });
  });
});
