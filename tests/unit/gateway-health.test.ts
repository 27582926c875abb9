import { describe, expect, it } from "vitest";
import { RETRY_BUDGET, TargetHealth } from "../../workers/core-services/gateway/routes/health.ts";
import { RateLimiter } from "../../workers/core-services/gateway/routes/limiter.ts";
import { isAmbiguous, patternProblem } from "../../workers/core-services/gateway/routes/pattern.ts";
import { routedPlace } from "../../workers/core-services/gateway/routes/place.ts";
import { targetOf, type RoutedRequest } from "../../workers/core-services/gateway/routes/targets.ts";
import { fill, templateProblem } from "../../workers/core-services/gateway/routes/template.ts";
import { RouteTable } from "../../workers/core-services/gateway/routes/table.ts";

const CIRCUIT = { failures: 3, openMs: 1_000 };

function asked(nowMs: number, more: object = {}) {
  return { target: "upstream:a", circuit: CIRCUIT, concurrent: 100, isRetry: false, untilMs: nowMs + 10_000, ...more };
}

/** Asks and ends, so many times. */
function ask(health: TargetHealth, nowMs: number, ok: boolean, times = 1): string[] {
  return Array.from({ length: times }, () => {
    const verdict = health.admit(asked(nowMs), nowMs);
    if (verdict.kind === "refused") return verdict.reason;
    health.settle(verdict.lease, ok, CIRCUIT.failures, nowMs);
    return "asked";
  });
}

describe("a circuit", () => {
  it("opens at its number of failures in a row, and not one before", () => {
    const health = new TargetHealth();
    expect(ask(health, 0, false, 2)).toEqual(["asked", "asked"]);
    expect(ask(health, 0, true)).toEqual(["asked"]);
    expect(ask(health, 0, false, 4)).toEqual(["asked", "asked", "asked", "CIRCUIT_OPEN"]);
    expect(health.states(0)).toMatchObject([{ target: "upstream:a", state: "open", failures: 3 }]);
  });

  it("lets one request through after its time, which closes it or opens it again", () => {
    const health = new TargetHealth();
    ask(health, 0, false, 3);
    expect(ask(health, 999, true)).toEqual(["CIRCUIT_OPEN"]);
    const probe = health.admit(asked(1_000), 1_000);
    expect([probe.kind, ...ask(health, 1_000, true)]).toEqual(["admitted", "CIRCUIT_OPEN"]);
    if (probe.kind === "admitted") health.settle(probe.lease, false, CIRCUIT.failures, 1_100);
    expect(ask(health, 2_099, true)).toEqual(["CIRCUIT_OPEN"]);
    expect(ask(health, 2_100, true)).toEqual(["asked"]);
    expect(ask(health, 2_100, true, 3)).toEqual(["asked", "asked", "asked"]);
  });

  it("is not closed by what was sent before it opened, and a probe that never ends gives its place back", () => {
    const health = new TargetHealth();
    const early = health.admit(asked(0), 0);
    ask(health, 0, false, 3);
    if (early.kind === "admitted") health.settle(early.lease, true, CIRCUIT.failures, 10);
    expect(ask(health, 10, true)).toEqual(["CIRCUIT_OPEN"]);
    expect(health.admit(asked(1_000, { untilMs: 2_000 }), 1_000).kind).toBe("admitted");
    expect(ask(health, 1_999, true)).toEqual(["CIRCUIT_OPEN"]);
    expect(ask(health, 2_000, true)).toEqual(["asked"]);
  });

  it("is of one target, can be closed by hand, and is not there where it is not wanted", () => {
    const health = new TargetHealth();
    ask(health, 0, false, 3);
    expect(health.admit(asked(0, { target: "upstream:b" }), 0).kind).toBe("admitted");
    expect(health.admit(asked(0, { circuit: undefined }), 0).kind).toBe("admitted");
    expect([health.close("upstream:a"), health.close("upstream:a")]).toEqual([true, false]);
    expect(ask(health, 0, true)).toEqual(["asked"]);
  });
});

describe("places at a target", () => {
  it("are as many as it may have, and come back when a request ends or its time is over", () => {
    const health = new TargetHealth();
    const held = [1, 2].map(() => health.admit(asked(0, { concurrent: 2 }), 0));
    expect(health.admit(asked(0, { concurrent: 2 }), 0)).toMatchObject({ reason: "TARGET_BUSY" });
    if (held[0]?.kind === "admitted") health.settle(held[0].lease, true, 3, 0);
    expect(health.admit(asked(0, { concurrent: 2 }), 0).kind).toBe("admitted");
    expect(health.admit(asked(9_999, { concurrent: 2 }), 9_999)).toMatchObject({ reason: "TARGET_BUSY" });
    expect(health.admit(asked(10_000, { concurrent: 2 }), 10_000).kind).toBe("admitted");
  });

  it("are forgotten of targets that are not busy, whose names come from requests", () => {
    const health = new TargetHealth();
    for (let i = 0; i < 3_000; i++) ask2(health, `function:${i}`);
    expect(health.states(0).length).toBeLessThanOrEqual(1_000);
  });
});

function ask2(health: TargetHealth, target: string): void {
  const verdict = health.admit(asked(0, { target }), 0);
  if (verdict.kind === "admitted") health.settle(verdict.lease, true, 3, 0);
}

describe("the budget of retries", () => {
  it("is a few of few requests, a fifth of many, and new in each window", () => {
    const retries = (health: TargetHealth, nowMs: number) => {
      let n = 0;
      while (health.admit(asked(nowMs, { isRetry: true, concurrent: 10_000 }), nowMs).kind === "admitted") n++;
      return n;
    };
    const few = new TargetHealth();
    ask(few, 100_000, true);
    expect(retries(few, 100_000)).toBe(RETRY_BUDGET.least);
    const many = new TargetHealth();
    ask(many, 100_000, true, 100);
    expect(retries(many, 100_000)).toBe(20);
    expect(retries(many, 100_000 + RETRY_BUDGET.windowMs - 1)).toBe(0);
    expect(retries(many, 100_000 + RETRY_BUDGET.windowMs)).toBe(RETRY_BUDGET.least);
  });
});

describe("a rate by key", () => {
  it("admits its number in a window, and of each key apart", () => {
    const limiter = new RateLimiter();
    const take = (key: string, nowMs: number) => limiter.take({ name: "x", key, limit: 3, windowMs: 3_000, cost: 1 }, nowMs).allowed;
    expect([1, 2, 3, 4].map(() => take("a", 0))).toEqual([true, true, true, false]);
    expect(take("b", 0)).toBe(true);
    expect([take("a", 999), take("a", 1_000), take("a", 1_000)]).toEqual([false, true, false]);
  });

  it("keeps a bounded number of keys", () => {
    const limiter = new RateLimiter();
    for (let i = 0; i < 25_000; i++) limiter.take({ name: "x", key: String(i), limit: 1, windowMs: 60_000, cost: 1 }, 0);
    // What came last is still counted.
    expect(limiter.take({ name: "x", key: "24999", limit: 1, windowMs: 60_000, cost: 1 }, 0).allowed).toBe(false);
    expect(limiter.take({ name: "x", key: "0", limit: 1, windowMs: 60_000, cost: 1 }, 0).allowed).toBe(true);
  });
});

describe("paths of routes", () => {
  it.each(["/", "/*", "/a/:id", "/a/:id?", "/a/*/b/*", "/a-:id", "/%20a"])("%s is one", (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
    expect(new URLPattern({ pathname: pattern })).toBeDefined();
  });

  it.each([
    "",
    "a",
    "/(.*)",
    "/{a}",
    "/:a+",
    "/:a*",
    "/**",
    "/*/*/*",
    "/:a:b",
    "/a*b:c",
    "/..",
    "/a/./b",
    "/a b",
    "/a#b",
    "/a?b",
    "/ä",
    `/${"a".repeat(512)}`,
  ])("%s is none", (pattern) => {
    expect(patternProblem(pattern)).toBeDefined();
  });

  it("are matched in a time that a hostile path cannot stretch", () => {
    const route = { name: "r", match: { path: "/*/x/*" }, target: { response: { json: 1 } } };
    const table = new RouteTable([route]);
    const startedMs = performance.now();
    for (const path of [`/${"x/".repeat(1_023)}`, `/${"/x".repeat(1_000)}y`, `/${"a".repeat(2_047)}`, `/${"x/".repeat(50_000)}`]) {
      table.match({ method: "GET", host: "", path, headers: new Headers() });
    }
    expect(performance.now() - startedMs).toBeLessThan(500);
  });

  it.each(["/a//b", "/a%2fb", "/a%5Cb", "/a%2E", "/a%00", "/a/..;/b"])("%s could be read in two ways", (path) => {
    expect(isAmbiguous(path)).toBe(true);
  });

  it.each(["/", "/a/b", "/a%20b", "/a;v=1", "/a.b", "/...", "/a..b"])("%s could not", (path) => {
    expect(isAmbiguous(path)).toBe(false);
  });
});

describe("where a request belongs", () => {
  const hosts = new Map([
    ["api.acme.example", "acme"],
    ["*.acme.example", "wild"],
    ["*.eu.acme.example", "eu"],
  ]);
  const place = (url: string) => routedPlace(new URL(url), hosts);

  it("is said by its host, the name itself before the longest wildcard, or by /r/", () => {
    expect(place("https://api.acme.example/r/x/y")).toEqual({ tenant: "acme", path: "/r/x/y", isOwnHost: true });
    expect(place("https://b.acme.example./")).toMatchObject({ tenant: "wild" });
    expect(place("https://c.eu.acme.example/")).toMatchObject({ tenant: "eu" });
    expect(place("https://acme.example/health")).toBeUndefined();
    expect(place("https://do.example/r/acme/a/b")).toEqual({ tenant: "acme", path: "/a/b", isOwnHost: false });
    expect(place("https://do.example/r/acme")).toMatchObject({ path: "/" });
    for (const path of ["/r", "/r/", "/rr/acme/a", "/r/%61cme/a", "/r/-acme/a"]) expect(place(`https://do.example${path}`)).toBeUndefined();
  });
});

describe("the URL that is asked", () => {
  const route = { match: { path: "/u/:id/*" } };

  it("is the template with what the path had, and the query", () => {
    const url = (template: string, groups: Record<string, string>, search = "") => fill(template, route, groups, search)?.href;
    expect(url("https://a.example/v/{id}/{0}", { id: "7", "0": "x/y%20z" }, "?q=1")).toBe("https://a.example/v/7/x/y%20z?q=1");
    expect(url("https://a.example/v?k=1", {}, "?q=1")).toBe("https://a.example/v?k=1&q=1");
    expect(url("https://a.example", {}, "")).toBe("https://a.example/");
    // Never made by a request, whose URL has none; were there one, it is not passed on.
    expect(url("https://a.example/v/{id}/x", { id: ".." })).toBeUndefined();
  });

  it.each([
    "https://{id}.example/",
    "https://a.example:{id}/",
    "{id}",
    "https://a.example/{nope}",
    "https://a.example/{id",
    "https://a.example/?x={id}",
    "https://u@a.example/",
    "https://a.example/#x",
  ])("%s is no template", (template) => {
    expect(templateProblem(template, route.match.path)).toBeDefined();
  });
});

describe("the function of a customer", () => {
  const request = (more: Partial<RoutedRequest>): RoutedRequest => ({
    method: "GET",
    url: new URL("https://shop-7.acme.example/"),
    path: "/",
    headers: new Headers({ "x-customer-id": "cust_1" }),
    body: undefined,
    says: {},
    claims: { org: "org-9", n: 1 },
    ...more,
  });

  it("is named by a header, the subdomain or a claim", () => {
    const of = (customer: Parameters<typeof targetOf>[0] extends infer T ? Extract<T, { customer: unknown }>["customer"] : never) =>
      targetOf({ function: "adapter-{customer}", customer }, request({}));
    expect(of({ from: "header", name: "x-customer-id" })).toEqual({ function: "adapter-cust_1" });
    expect(of({ from: "subdomain" })).toEqual({ function: "adapter-shop-7" });
    expect(of({ from: "claim", name: "org" })).toEqual({ function: "adapter-org-9" });
  });

  it.each(["", "..", "a/b", "a.b", "a b", "x".repeat(60), "x".repeat(61), "$&", "é"])("is none for %j", (id) => {
    const headers = new Headers({ "x-customer-id": id });
    const target = { function: "adapter-{customer}", customer: { from: "header", name: "x-customer-id" } } as const;
    expect(() => targetOf(target, request({ headers }))).toThrow(expect.objectContaining({ reason: "NO_CUSTOMER" }));
    expect(() => targetOf({ function: "a{customer}", customer: { from: "claim", name: "constructor" } }, request({}))).toThrow();
  });
});
