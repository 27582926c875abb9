import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connect } from "../../../sdk/src/index.ts";
import { collapseAtRandom } from "../../support/collapse.ts";
import { gatewayOf, type TestGateway } from "../../support/gateway.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { echo, startUpstream, type SeenRequest, type Upstream } from "../../support/upstream.ts";

let host: TestHost;
let upstream: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startUpstream();
  host = await testHost({ loopbackOrigins: [upstream.origin] });
  gateway = gatewayOf(host);
  await gateway.call("setEgress", { allow: [`127.0.0.1:${upstream.port}`] });
});
afterAll(() => Promise.all([host.stop(), upstream.stop()]));
beforeEach(() => {
  upstream.handle = echo;
  upstream.seen.length = 0;
});

const cached = (more: object = {}) => gateway.route({ target: { url: `${upstream.origin}/{0}` }, cache: {}, ...more });

async function ask(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${host.url}${path}/x`, { headers });
  return { status: response.status, body: await response.text(), cache: response.headers.get("cache-status") ?? "" };
}

const times = <T>(count: number, one: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => one(n)));

/** Holds what comes until it is let go, and answers with how many came before, and these headers. */
function hold(headers: (request: SeenRequest) => Record<string, string>): { go: () => void; until: (count: number) => Promise<void> } {
  let isOpen = false;
  let came = 0;
  const waiting: (() => void)[] = [];
  upstream.handle = (request, response) => {
    const n = ++came;
    const answer = () => void response.writeHead(200, headers(request)).end(`${n} for ${String(request.headers["x-who"] ?? "nobody")}`);
    if (isOpen) answer();
    else waiting.push(answer);
  };
  return {
    go: () => {
      isOpen = true;
      for (const answer of waiting.splice(0)) answer();
    },
    until: (count) => expect.poll(() => came).toBeGreaterThanOrEqual(count),
  };
}

describe("equal requests at the same time", () => {
  it("are one to the target, and say so", async () => {
    const held = hold(() => ({ "cache-control": "max-age=60" }));
    const path = await cached();
    const all = times(40, () => ask(path));
    await held.until(1);
    held.go();
    const answers = await all;
    expect([upstream.seen.length, new Set(answers.map(({ body }) => body))]).toEqual([1, new Set(["1 for nobody"])]);
    const said = answers.map(({ cache }) => cache.replace(/ttl=.*/, "ttl"));
    expect(said.filter((status) => status === "do; fwd=uri-miss; stored")).toHaveLength(1);
    expect(said.filter((status) => status === "do; fwd=uri-miss; collapsed").length).toBeGreaterThan(0);
    expect(new Set(said).difference(new Set(["do; fwd=uri-miss; stored", "do; fwd=uri-miss; collapsed", "do; hit; ttl"]))).toEqual(
      new Set(),
    );
  });

  it("that depend on a header are one for each of its values", async () => {
    const held = hold(({ headers }) => ({ "cache-control": "max-age=60", vary: "x-who", "x-was": String(headers["x-who"]) }));
    const path = await cached();
    const all = times(30, (n) => ask(path, { "x-who": `w${n % 3}` }));
    await held.until(1);
    held.go();
    const answers = await all;
    expect(answers.map(({ body }, n) => body.endsWith(` for w${n % 3}`))).toEqual(Array.from({ length: 30 }, () => true));
    expect(upstream.seen.length).toBeLessThanOrEqual(6);
  });

  it("that are stale are asked about once", async () => {
    upstream.handle = (_request, response) =>
      void response.writeHead(200, { "cache-control": "max-age=0, stale-while-revalidate=60" }).end("old");
    const path = await cached();
    await ask(path);
    const held = hold(() => ({ "cache-control": "max-age=60" }));
    const stale = await times(20, () => ask(path));
    expect(new Set(stale.map(({ body }) => body))).toEqual(new Set(["old"]));
    await held.until(1);
    expect(upstream.seen).toHaveLength(2);
    held.go();
    await expect.poll(async () => (await ask(path)).body).toBe("1 for nobody");
  });
});

describe("no answer of one is given to another", () => {
  const kinds: [what: string, headers: Record<string, string>][] = [
    ["is private", { "cache-control": "private, max-age=60" }],
    ["may not be kept", { "cache-control": "no-store" }],
    ["sets a cookie", { "cache-control": "max-age=60", "set-cookie": "a=1" }],
    ["depends on everything", { "cache-control": "max-age=60", vary: "*" }],
    ["says nothing", {}],
    ["is too old at once", { "cache-control": "max-age=0", etag: `"1"` }],
  ];
  it.each(kinds)("that %s", async (_what, headers) => {
    const held = hold(() => headers);
    const path = await cached();
    const all = times(12, (n) => ask(path, { "x-who": `w${n}` }));
    await held.until(1);
    held.go();
    expect((await all).map(({ body }) => body.split(" ").at(-1))).toEqual(Array.from({ length: 12 }, (_, n) => `w${n}`));
    expect(upstream.seen).toHaveLength(12);
  });

  it("of a route that needs a credential: each principal has its own, and what is public is shared", async () => {
    const root = connect(host.url, host.rootKey);
    const keys = await times(6, async (n) => (await root.auth.createApiKey(`caller-${n}`, ["gateway:read:routes/*"])).key);
    const asAll = async (cacheControl: string) => {
      upstream.seen.length = 0;
      let isOpen = false;
      const waiting: (() => void)[] = [];
      upstream.handle = (request, response) => {
        const answer = () => void response.writeHead(200, { "cache-control": cacheControl }).end(String(request.headers["do-principal"]));
        if (isOpen) answer();
        else waiting.push(answer);
      };
      const path = await cached({ auth: "tenant" });
      const all = times(24, (n) => ask(path, { authorization: `Bearer ${keys[n % keys.length] ?? ""}` }));
      await expect.poll(() => upstream.seen.length).toBeGreaterThan(0);
      isOpen = true;
      for (const answer of waiting) answer();
      return (await all).map(({ body }) => body);
    };
    const own = await asAll("max-age=60");
    expect(upstream.seen).toHaveLength(24);
    expect(new Set(own).size).toBe(6);
    expect(own.every((principal, n) => principal === own[n % 6])).toBe(true);
    expect(new Set(await asAll("public, max-age=60")).size).toBe(1);
    expect(upstream.seen).toHaveLength(1);
  });

  it("whose answers were seen to be for one: they are not even waited for", async () => {
    upstream.handle = (_request, response) => void response.writeHead(200, { "cache-control": "private" }).end("mine");
    const path = await cached();
    await ask(path);
    const held = hold(() => ({ "cache-control": "private" }));
    const all = times(5, () => ask(path));
    // None of them is answered, and all have come.
    await held.until(5);
    held.go();
    expect(new Set((await all).map(({ cache }) => cache))).toEqual(new Set(["do; fwd=uri-miss"]));
  });

  it("that was asked for before the kept ones were to go", async () => {
    const held = hold(() => ({ "cache-control": "max-age=60" }));
    const path = await cached();
    const before = ask(path);
    await held.until(1);
    await gateway.call("purge", { all: true });
    const after = ask(path);
    await held.until(2);
    held.go();
    expect([(await before).body, (await after).body]).toEqual(["1 for nobody", "2 for nobody"]);
  });

  it("that asks for one of its own", async () => {
    const held = hold(() => ({ "cache-control": "max-age=60" }));
    const path = await cached();
    const all = times(3, () => ask(path, { "cache-control": "no-cache" }));
    await held.until(3);
    held.go();
    expect(new Set((await all).map(({ body }) => body)).size).toBe(3);
  });
});

describe("many principals that ask at random", () => {
  it("get what is theirs or for all, and share what is", async () => {
    const { wrong, shared, asked } = await collapseAtRandom(host, upstream, { requests: 400, clients: 40 });
    expect(wrong).toEqual([]);
    expect([shared > 0, asked < 400]).toEqual([true, true]);
  });
});

describe("who waits", () => {
  it("asks by itself when half of its time is over", async () => {
    let came = 0;
    upstream.handle = (_request, response) => {
      // The first never answers.
      if (++came > 1) response.writeHead(200, { "cache-control": "max-age=60" }).end("answered");
    };
    const path = await cached({ timeoutMs: 1_000 });
    const answers = await times(4, () => ask(path));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 504]);
  });

  it("is not given the failure of another", async () => {
    let came = 0;
    upstream.handle = (_request, response) => {
      const isFirst = ++came === 1;
      setTimeout(() => void response.writeHead(isFirst ? 500 : 200, { "cache-control": "max-age=60" }).end(), 50);
    };
    const path = await cached();
    const answers = await times(10, () => ask(path));
    expect(answers.map(({ status }) => status).filter((status) => status === 500)).toHaveLength(1);
    expect(upstream.seen).toHaveLength(2);
  });
});
