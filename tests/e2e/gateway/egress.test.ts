import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ExecutionAnswer } from "../../../sdk/src/types.ts";
import { gatewayOf } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { echo, startUpstream, type Upstream } from "../../support/upstream.ts";

let host: TestHost;
let upstream: Upstream;
/** A listener that no configuration names. */
let canary: Upstream;

beforeAll(async () => {
  [upstream, canary] = await Promise.all([startUpstream(), startUpstream()]);
  host = await testHost({ loopbackOrigins: [upstream.origin] });
});
afterAll(() => Promise.all([host.stop(), upstream.stop(), canary.stop()]));
beforeEach(() => {
  upstream.handle = echo;
  upstream.seen.length = 0;
  canary.seen.length = 0;
});

const call = (method: string, params: readonly unknown[]) => gatewayOf(host).attempt(method, ...params);

async function setEgress(rules: unknown): Promise<void> {
  expect(await call("setEgress", [rules])).toMatchObject({ status: 200 });
}

async function run(code: string, input?: unknown): Promise<ExecutionAnswer> {
  return (await (await host.execute({ code, input, captureFetch: true })).json()) as ExecutionAnswer;
}

const at = (path = "/") => upstream.origin + path;
const here = () => `127.0.0.1:${upstream.port}`;

describe("what code reaches", () => {
  it("is nothing without rules, and says so", async () => {
    const answer = await run(`return fetch(input).then(() => "reached", (e) => [e.code, e.reason])`, at());
    expect(answer.result).toEqual(["PERMISSION_DENIED", "EGRESS_DENIED"]);
    expect(answer.requests).toMatchObject([{ method: "GET", url: at(), status: 0, reason: "EGRESS_DENIED" }]);
    expect(upstream.seen).toEqual([]);
  });

  it("is what a rule allows, with headers that the code never sees", async () => {
    await setEgress({ allow: { [here()]: [{ transform: [{ headers: { Authorization: "Bearer hidden-from-code" } }] }] } });
    const answer = await run(
      `const r = await fetch(input, { method: "POST", headers: { "x-mine": "1", authorization: "mine", host: "evil.example", "x-forwarded-for": "1.2.3.4" }, body: "hello" });
       return [r.status, r.ok, r.url, r.redirected, r instanceof Response, (await r.json()).body]`,
      at("/v1/things?x=1"),
    );
    expect(answer.result).toEqual([200, true, at("/v1/things?x=1"), false, true, "hello"]);
    const [seen] = upstream.seen;
    expect(seen).toMatchObject({ method: "POST", url: "/v1/things?x=1", body: "hello" });
    expect(seen?.headers).toMatchObject({ "x-mine": "1", authorization: "Bearer hidden-from-code", host: here() });
    expect(seen?.headers).not.toHaveProperty("x-forwarded-for");
    expect(JSON.stringify(await call("getEgress", []))).not.toContain("hidden-from-code");
    expect((await call("getEgress", [])).body).toMatchObject({
      result: { rules: { allow: { [here()]: [{ transform: [{ headers: { authorization: "***" } }] }] } } },
    });
  });

  it("is told in the answer and in the record of the execution", async () => {
    await setEgress({ allow: [here()] });
    const answer = await run(`await fetch(input + "a"); await fetch(input + "b", { method: "DELETE" }); return 1`, at("/"));
    expect(answer.requests).toMatchObject([
      { method: "GET", url: at("/a"), status: 200 },
      { method: "DELETE", url: at("/b"), status: 200 },
    ]);
    expect(answer.usage.calls).toBe(2);
    const record = (await (await host.ask(`/executions/${answer.id}`)).json()) as { requests: unknown };
    expect(record.requests).toEqual(answer.requests);
  });

  it("is bounded by method and path, however a path is spelled", async () => {
    await setEgress({ allow: { [here()]: [{ match: { method: ["GET"], path: { startsWith: "/open/" } } }] } });
    const ask = async (path: string, method = "GET") =>
      (await run(`return fetch(input.url, { method: input.method }).then((r) => r.status, (e) => e.reason)`, { url: at(path), method }))
        .result;
    expect(await ask("/open/x")).toBe(200);
    for (const path of [
      "/closed",
      "/open/../closed",
      "/open/%2e%2e/closed",
      "/open/..%2fclosed",
      "/open/..%5cclosed",
      "/OPEN/x",
      "//open/x",
    ]) {
      expect([path, await ask(path)]).toEqual([path, "EGRESS_DENIED"]);
    }
    expect(await ask("/open/x", "POST")).toBe("EGRESS_DENIED");
    expect(upstream.seen).toHaveLength(1);
  });

  it("streams, and breaks off what is not read", async () => {
    await setEgress({ allow: [here()] });
    let closed = false;
    upstream.handle = (_request, response) => {
      response.write("first\n");
      const timer = setInterval(() => response.write("more\n"), 5);
      response.once("close", () => {
        clearInterval(timer);
        closed = true;
      });
    };
    const answer = await run(
      `const r = await fetch(input); const reader = r.body.getReader(); const { value } = await reader.read(); await reader.cancel(); return new TextDecoder().decode(value)`,
      at(),
    );
    expect(answer.result).toContain("first");
    await expect.poll(() => closed).toBe(true);
  });

  it("does not outlive the execution", async () => {
    await setEgress({ allow: [here()] });
    const closed = Promise.withResolvers<void>();
    upstream.handle = (_request, response) => void response.once("close", () => closed.resolve());
    const response = await host.execute({ code: "await fetch(input)", input: at(), timeoutMs: 200 });
    expect(await response.json()).toMatchObject({ outcome: "timeout" });
    await closed.promise;
  });

  it("can be given up by the code, and unreachable is an error", async () => {
    await setEgress({ allow: [here()] });
    upstream.handle = () => {};
    const aborted = await run(`return fetch(input, { signal: AbortSignal.timeout(50) }).catch((e) => e.name)`, at());
    expect(aborted.result).toBe("TimeoutError");
    upstream.handle = (_request, response) => void response.destroy();
    expect((await run(`return fetch(input).catch((e) => [e.code, e.reason])`, at())).result).toEqual(["UPSTREAM", "UNREACHABLE"]);
  });

  it("carries any bytes, compressed answers and empty ones", async () => {
    await setEgress({ allow: [here()] });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    upstream.handle = ({ url }, response) => {
      if (url === "/gzip")
        response.setHeader("content-encoding", "gzip").end(Buffer.from("H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==", "base64"));
      else if (url === "/204") response.writeHead(204).end();
      else response.end(bytes);
    };
    const code = `const r = await fetch(input); return [r.status, [...r.headers.keys()].includes("content-encoding"), [...new Uint8Array(await r.arrayBuffer())]]`;
    expect((await run(code, at("/bytes"))).result).toEqual([200, false, [...bytes]]);
    expect((await run(code, at("/204"))).result).toEqual([204, false, []]);
    const gzip = (await run(code, at("/gzip"))).result as [number, boolean, number[]];
    expect([gzip[0], gzip[1], Buffer.from(gzip[2]).toString()]).toEqual([200, false, "hello"]);
  });

  it("answers of a rule's own reach nobody", async () => {
    await setEgress({
      allow: { "api.example.com": [{ response: { statusCode: 418, body: `{"a":1}`, contentType: "application/json" } }] },
    });
    const answer = await run(`const r = await fetch("https://api.example.com/x"); return [r.status, await r.json()]`);
    expect(answer.result).toEqual([418, { a: 1 }]);
  });
});

describe("a header from a named secret", () => {
  const rules = () => ({
    allow: { [here()]: [{ transform: [{ headers: { authorization: { secret: "UPSTREAM_KEY", prefix: "Bearer " } } }] }] },
  });
  const sent = () => upstream.seen.map(({ headers }) => headers.authorization);
  const FETCH = `return fetch(input).then((r) => r.status, (e) => [e.reason, e.message])`;

  it("refuses while it is not set, is sent when it is, and is another one with the next request", async () => {
    await setEgress(rules());
    const refused = (await run(FETCH, at())).result as string[];
    expect(refused).toEqual(["EGRESS_DENIED", expect.stringMatching(/the secret UPSTREAM_KEY, which is not set/)]);
    expect((await call("testEgress", [{ url: at() }])).body).toMatchObject({ result: { allowed: false, reason: "SECRET_MISSING" } });
    expect(upstream.seen).toEqual([]);
    await call("setSecret", ["UPSTREAM_KEY", "first-value", { egress: true }]);
    expect((await run(FETCH, at())).result).toBe(200);
    // Within one execution, too.
    const rotated = host.execute({
      code: `await fetch(input); await fetch(input + "wait"); return (await fetch(input)).status`,
      input: at(),
    });
    const waits = Promise.withResolvers<() => void>();
    upstream.handle = (request, response) => {
      if (request.url === "/wait") waits.resolve(() => echo(request, response));
      else echo(request, response);
    };
    const goOn = await waits.promise;
    await call("setSecret", ["UPSTREAM_KEY", "second-value", { egress: true }]);
    goOn();
    expect(((await (await rotated).json()) as ExecutionAnswer).result).toBe(200);
    expect(sent()).toEqual(["first-value", "first-value", "first-value", "second-value"].map((value) => `Bearer ${value}`));
    expect((await call("testEgress", [{ url: at() }])).body).toMatchObject({ result: { allowed: true, adds: ["authorization"] } });
    await call("deleteSecret", ["UPSTREAM_KEY", { egress: true }]);
    expect((await run(FETCH, at())).result).toEqual(refused);
  });

  it("is of egress before it is of the tenant; a function has the tenant's alone, and none of another's", async () => {
    await setEgress(rules());
    await call("setSecret", ["UPSTREAM_KEY", "of-the-tenant"]);
    await call("deploy", [
      "looks",
      { code: `export default async ({ env, input }) => [Object.keys(env).includes("UPSTREAM_KEY"), (await fetch(input)).status]` },
    ]);
    expect((await call("invoke", ["looks", at()])).body).toEqual({ result: [true, 200] });
    await call("setSecret", ["UPSTREAM_KEY", "of-egress", { egress: true }]);
    await call("deleteSecret", ["UPSTREAM_KEY"]);
    expect((await call("invoke", ["looks", at()])).body).toEqual({ result: [false, 200] });
    await call("setSecret", ["UPSTREAM_KEY", "of-the-function", { function: "looks" }]);
    await call("deleteSecret", ["UPSTREAM_KEY", { egress: true }]);
    expect(((await call("invoke", ["looks", at()])).body["details"] as { error: { message: string } }).error.message).toMatch(/not set/);
    expect(sent()).toEqual(["Bearer of-the-tenant", "Bearer of-egress"]);
  });

  it("is sent by a route, whose caller does not see it", async () => {
    await setEgress(rules());
    await call("setRoute", ["keyed", { match: { path: "/keyed" }, target: { url: at("/keyed") }, auth: "none", circuit: false }]);
    const refused = await fetch(`${host.url}/r/root/keyed`);
    const problem = await refused.text();
    expect([refused.status, (JSON.parse(problem) as { reason: string }).reason]).toEqual([502, "EGRESS_DENIED"]);
    expect(problem).not.toContain("UPSTREAM_KEY");
    await call("setSecret", ["UPSTREAM_KEY", "of-a-route", { egress: true }]);
    upstream.handle = (_request, response) => void response.end("ok");
    expect(await (await fetch(`${host.url}/r/root/keyed`)).text()).toBe("ok");
    expect(sent()).toEqual(["Bearer of-a-route"]);
    const shown = JSON.stringify([await call("getEgress", []), await call("listSecrets", [{ egress: true }])]);
    expect([shown.includes("of-a-route"), shown.includes("UPSTREAM_KEY")]).toEqual([false, true]);
  });

  it("is told apart from a function's", async () => {
    expect((await call("setSecret", ["A", "b", { egress: true, function: "looks" }])).body["message"]).toMatch(
      /function or egress, and not both/,
    );
    expect((await call("setSecret", ["A", "b", { function: "egress:" }])).status).toBe(400);
  });
});

describe("who sets the rules", () => {
  it("is never code", async () => {
    const answer = await run(`return gateway.setEgress("allow-all").catch((e) => e.reason)`);
    expect(answer.result).toBe("NOT_FOR_CODE");
    const secrets = await run(
      `const changes = [gateway.setSecret("A", "b", { egress: true }), gateway.deleteSecret("A", { egress: true }), gateway.setSecret("A", "b")];
       return Promise.all(changes.map((change) => change.then(({ key }) => key, (e) => e.reason)))`,
    );
    expect(secrets.result).toEqual(["NOT_FOR_CODE", "NOT_FOR_CODE", "A"]);
  });

  it("is told what is wrong with them", async () => {
    const message = async (rules: unknown) => (await call("setEgress", [rules])).body["message"];
    expect(await message({ allow: ["localhost"] })).toMatch(/allow\.localhost is no public place/);
    expect(await message({ allow: [`127.0.0.1:${canary.port}`] })).toMatch(/no public place/);
    expect(await message({ allow: { "a.example": [{ match: { path: { regex: "(a+)+" } } }] } })).toMatch(/regex/);
    expect(await message({ allow: { "a.example": [{ transform: [{ headers: { host: "x" } }] }] } })).toMatch(/header/);
    expect(await message({ allow: { "a.example": [{ transform: [{ headers: { "x-a": "1\r\nx-b: 2" } }] }] } })).toMatch(/one line/);
    expect(await message({ subnets: { deny: ["10.0.0.0/33"] } })).toMatch(/network/);
  });
});
