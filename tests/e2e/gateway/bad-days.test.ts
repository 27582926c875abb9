import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RouteSpec } from "../../../sdk/src/gateway.ts";
import { gatewayOf, type TestGateway } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { echo, startUpstream, type Upstream } from "../../support/upstream.ts";

let host: TestHost;
let upstream: Upstream;
let other: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  [upstream, other] = await Promise.all([startUpstream(), startUpstream()]);
  host = await testHost({ loopbackOrigins: [upstream.origin, other.origin] });
  gateway = gatewayOf(host);
  await gateway.call("setEgress", { allow: [`127.0.0.1:${upstream.port}`, `127.0.0.1:${other.port}`] });
});
afterAll(() => Promise.all([host.stop(), upstream.stop(), other.stop()]));
beforeEach(async () => {
  for (const server of [upstream, other]) {
    server.seen.length = 0;
    server.handle = echo;
  }
  await gateway.call("closeCircuit", `upstream:127.0.0.1:${upstream.port}`);
});

/** A route of its own to the upstream, open to all. @returns its path */
const route = async (spec: Partial<RouteSpec> = {}) =>
  `${await gateway.route({ circuit: {}, target: { url: `${upstream.origin}/x` }, ...spec })}/x`;

const ask = (path: string, init: RequestInit = {}) => fetch(host.url + path, init);

/** Answers each request from a list, then as the last. */
function script(...statuses: (number | "hang" | "reset")[]): void {
  let i = 0;
  upstream.handle = (request, response) => {
    const status = statuses[Math.min(i++, statuses.length - 1)];
    if (status === "hang") return;
    if (status === "reset") return void response.destroy();
    if (status === 200) return echo(request, response);
    response.writeHead(status ?? 500, { "content-type": "text/html" }).end("<h1>failed</h1>");
  };
}

describe("a target that does not answer", () => {
  it("is waited for as long as the route says", async () => {
    script("hang");
    const path = await route({ timeoutMs: 150 });
    const startedMs = performance.now();
    const answer = await ask(path);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect([answer.status, await answer.json()]).toMatchObject([
      504,
      { code: "TIMEOUT", details: { target: `upstream:127.0.0.1:${upstream.port}` } },
    ]);
  });
});

describe("a retry", () => {
  const retry = { attempts: 3, backoffMs: 1 };

  it.each(["GET", "PUT", "DELETE"])("of %s is made until it is answered", async (method) => {
    script(503, "reset", 200);
    const answer = await ask(await route({ retry }), { method });
    expect([answer.status, answer.headers.get("do-attempts"), upstream.seen.length]).toEqual([200, "3", 3]);
  });

  it.each(["POST", "PATCH"])("of %s is not, unless it says that it may be sent twice", async (method) => {
    script(503, 200);
    const path = await route({ retry });
    const body = "once";
    expect((await ask(path, { method, body })).status).toBe(503);
    expect(upstream.seen).toHaveLength(1);
    script(503, 200);
    const again = await ask(path, { method, body, headers: { "idempotency-key": "k" } });
    expect([again.status, upstream.seen.map((seen) => seen.body)]).toEqual([200, ["once", "once", "once"]]);
  });

  it.each([400, 404, 409, 500, 501])("of %i is not: it is an answer", async (status) => {
    script(status, 200);
    expect((await ask(await route({ retry }))).status).toBe(status);
    expect(upstream.seen).toHaveLength(1);
  });

  it("ends with its number, and with the time of the route", async () => {
    script(503);
    expect((await ask(await route({ retry, circuit: false }))).status).toBe(503);
    expect(upstream.seen).toHaveLength(3);
    upstream.seen.length = 0;
    expect((await ask(await route({ retry: { attempts: 5, backoffMs: 10_000 }, timeoutMs: 300 }))).status).toBe(503);
    expect(upstream.seen).toHaveLength(1);
    await gateway.call("closeCircuit", `upstream:127.0.0.1:${upstream.port}`);
    upstream.seen.length = 0;
    script("hang");
    expect((await ask(await route({ retry: { attempts: 3, tryMs: 50, backoffMs: 1 } }))).status).toBe(504);
    expect(upstream.seen).toHaveLength(3);
  });

  it("is made for a fifth of the requests at most: a target that fails is not asked twice as much", async () => {
    script(503);
    const path = await route({ retry: { attempts: 2, backoffMs: 1 }, circuit: false });
    for (let i = 0; i < 20; i++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await (await ask(path)).text();
    }
    expect(upstream.seen.length).toBeGreaterThan(20);
    expect(upstream.seen.length).toBeLessThanOrEqual(24);
  });
});

describe("a circuit", () => {
  it("opens at its failures, is told, and closes by itself", async () => {
    script(500, 500, 200);
    const path = await route({ circuit: { failures: 2, openMs: 300 } });
    expect([(await ask(path)).status, (await ask(path)).status]).toEqual([500, 500]);
    const open = await ask(path);
    expect([open.status, await open.json()]).toMatchObject([503, { reason: "CIRCUIT_OPEN" }]);
    expect(Number(open.headers.get("retry-after"))).toBe(1);
    expect(upstream.seen).toHaveLength(2);
    expect(await gateway.call("listCircuits")).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ state: "open" })]) as unknown,
    });
    await expect.poll(async () => (await ask(path)).status, { interval: 50 }).toBe(200);
    expect(upstream.seen).toHaveLength(3);
  });

  it("is not opened by what is the caller's fault, and can be closed by hand", async () => {
    script(404);
    const path = await route({ circuit: { failures: 1, openMs: 60_000 } });
    for (let i = 0; i < 3; i++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await ask(path)).status).toBe(404);
    }
    script(500, 200);
    expect([(await ask(path)).status, (await ask(path)).status]).toEqual([500, 503]);
    expect(await gateway.call("closeCircuit", `upstream:127.0.0.1:${upstream.port}`)).toEqual({ closed: true });
    expect((await ask(path)).status).toBe(200);
  });
});

describe("places at a target", () => {
  it("are as many as the route says: who comes too many is told at once", async () => {
    const held: (() => void)[] = [];
    upstream.handle = (request, response) => void held.push(() => echo(request, response));
    const path = await route({ concurrent: 2 });
    const two = [ask(path), ask(path)];
    await expect.poll(() => held.length).toBe(2);
    const third = await ask(path);
    expect([third.status, await third.json()]).toMatchObject([503, { reason: "TARGET_BUSY" }]);
    for (const free of held.splice(0)) free();
    expect((await Promise.all(two)).map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe("a fallback", () => {
  it("of JSON stands in for a failure, and says for which", async () => {
    const path = await route({ fallback: { response: { status: 200, json: { plan: "b" } } }, timeoutMs: 150 });
    const fallen = async () => {
      const answer = await ask(path);
      return [answer.status, answer.headers.get("do-fallback"), await answer.json()];
    };
    script(500, "reset", "hang", 200);
    expect(await fallen()).toEqual([200, "STATUS_500", { plan: "b" }]);
    expect(await fallen()).toEqual([200, "UNREACHABLE", { plan: "b" }]);
    expect(await fallen()).toEqual([200, expect.stringMatching(/TIMEOUT/), { plan: "b" }]);
    const healthy = await ask(path);
    expect([healthy.status, healthy.headers.get("do-fallback")]).toEqual([200, null]);
  });

  it("of another target is asked in its place", async () => {
    script(502);
    const answer = await ask(await route({ fallback: { target: { url: `${other.origin}/b` } } }));
    expect([answer.status, answer.headers.get("do-fallback"), other.seen.map(({ url }) => url)]).toEqual([200, "STATUS_502", ["/b"]]);
  });

  it("stands in for no answer: 404 is one", async () => {
    script(404);
    expect((await ask(await route({ fallback: { response: { json: 1 } } }))).status).toBe(404);
  });
});

describe("a route that is JSON", () => {
  /** What a target may do to a caller who parses JSON. */
  const BROKEN: Record<string, Upstream["handle"]> = {
    "a page": (_, response) => void response.setHeader("content-type", "text/html").end("<h1>Worker is up</h1>"),
    "a page that says it is JSON": (_, response) => void response.setHeader("content-type", "application/json").end("<h1>up</h1>"),
    nothing: (_, response) => void response.end(),
    "nothing that says it is JSON": (_, response) => void response.setHeader("content-type", "application/json").end(),
    "204": (_, response) => void response.writeHead(204).end(),
    "half of it": (_, response) => void response.setHeader("content-type", "application/json").end(`{"a": [1, 2`),
    "two of it": (_, response) => void response.setHeader("content-type", "application/json").end(`{}{}`),
    "no UTF-8": (_, response) => void response.setHeader("content-type", "application/json").end(Buffer.from([0x22, 0xff, 0x22])),
    "a broken body": (_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write(`{"a":`);
      setTimeout(() => response.destroy(), 10);
    },
    "a body that does not end": (_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write(`{"a":`);
    },
    "a page of an error": (_, response) => void response.writeHead(500, { "content-type": "text/html" }).end("<h1>Error 1101</h1>"),
    "a page of not found": (_, response) => void response.writeHead(404, { "content-type": "text/html" }).end("<h1>404</h1>"),
    "a redirect": (_, response) => void response.writeHead(302, { location: "https://example.com/" }).end(),
    "a lost connection": (_, response) => void response.destroy(),
    silence: () => {},
    "a bomb": (_, response) => void response.setHeader("content-type", "application/json").end(`"${"x".repeat(8 * 1024 * 1024)}"`),
  };

  it.each(Object.keys(BROKEN))("answers JSON to %s: a problem, or its fallback", async (what) => {
    upstream.handle = BROKEN[what] ?? echo;
    const spec = { json: "required", timeoutMs: 300, circuit: false } as const;
    const answered = async (path: string) => {
      const answer = await ask(path, { redirect: "manual" });
      expect(answer.headers.get("content-type")).toMatch(/^application\/(?:problem\+)?json/);
      expect(answer.headers.get("do-target")).toBe(`upstream:127.0.0.1:${upstream.port}`);
      return [answer.status, answer.headers.get("do-fallback"), await answer.json()];
    };
    const [status, , body] = await answered(await route(spec));
    expect([Number(status) >= 500, body]).toMatchObject([true, { details: { target: `upstream:127.0.0.1:${upstream.port}` } }]);
    const fallen = await answered(await route({ ...spec, fallback: { response: { json: { plan: "b" } } } }));
    expect(fallen).toEqual([200, expect.stringMatching(/^[A-Z_\d]+$/), { plan: "b" }]);
  });

  it("passes on what is JSON, of any status and kind", async () => {
    const path = await route({ json: "required" });
    upstream.handle = (_, response) =>
      void response.writeHead(422, { "content-type": "application/problem+json; charset=utf-8" }).end(`{"why":"ä"}`);
    const answer = await ask(path);
    expect([answer.status, await answer.json(), answer.headers.get("do-fallback")]).toEqual([422, { why: "ä" }, null]);
    upstream.handle = (_, response) =>
      void response.setHeader("content-type", "application/json").end(`"${"x".repeat(8 * 1024 * 1024 - 2)}"`);
    expect((await ask(path)).status).toBe(200);
  });

  it("answers JSON too where nothing was asked: no route, no method, no credential, a bad path", async () => {
    for (const [path, method] of [
      ["/r/root/no-such-route", "GET"],
      [await route({ auth: "tenant", json: "required" }), "GET"],
      [(await route()) + "%2f", "GET"],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await ask(path, { method });
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await answer.json();
    }
  });
});

describe("a saved function as target", () => {
  it("that is not there is a problem, or the fallback, with its name", async () => {
    const missing = { target: { function: "no-such-function" }, json: "required" } as const;
    const answer = await ask(await route(missing));
    expect([answer.status >= 400, answer.headers.get("do-target"), answer.headers.get("content-type")]).toEqual([
      true,
      "function:no-such-function",
      "application/problem+json",
    ]);
    const fallen = await ask(await route({ ...missing, fallback: { response: { json: [] } } }));
    expect([fallen.status, await fallen.json(), fallen.headers.get("do-target")]).toEqual([200, [], "function:no-such-function"]);
  });

  it("of a customer is named by the request", async () => {
    const path = await route({ target: { function: "adapter-{customer}", customer: { from: "header", name: "x-customer-id" } } });
    const answer = await ask(path, { headers: { "x-customer-id": "acme" } });
    expect(answer.headers.get("do-target")).toBe("function:adapter-acme");
    const none = await ask(path);
    expect([none.status, await none.json()]).toMatchObject([400, { reason: "NO_CUSTOMER" }]);
  });
});

describe("a rate", () => {
  it("admits its number, and says how much is left", async () => {
    const path = await route({ rateLimit: { limit: 3, windowMs: 60_000, by: { header: "x-key" } } });
    const by = (key: string) => ask(path, { headers: { "x-key": key } });
    const first = await by("a");
    expect(first.headers.get("ratelimit-policy")).toMatch(/^"route-\d+";q=3;w=60$/);
    expect(first.headers.get("ratelimit")).toMatch(/;r=2;t=20$/);
    const statuses = await Promise.all(["a", "a", "a", "b"].map(async (key) => (await by(key)).status));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 429]);
    const over = await by("a");
    expect([over.status, over.headers.get("content-type"), Number(over.headers.get("retry-after")) > 0]).toEqual([
      429,
      "application/problem+json",
      true,
    ]);
    expect(upstream.seen).toHaveLength(4);
  });

  it("can be counted by code, by a key of its own", async () => {
    const code = `const out = []; for (let i = 0; i < 4; i++) out.push((await gateway.limit("mail:a", { limit: 3, windowMs: 60000 })).allowed); return out`;
    const answer = (await (await host.execute({ code })).json()) as { result: unknown };
    expect(answer.result).toEqual([true, true, true, false]);
  });
});
