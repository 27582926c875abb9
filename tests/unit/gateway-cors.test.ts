import { describe, expect, it } from "vitest";
import { answerPreflight, Cors, preflightOf, sayWhoMayRead } from "../../workers/core-services/gateway/routes/cors.ts";
import { RouteSpec } from "../../workers/core-services/gateway/routes/route.ts";
import { RouteTable } from "../../workers/core-services/gateway/routes/table.ts";
import { mayRead, maySend } from "../support/browser.ts";

const APP = "https://app.example.com";

function allCombinations<T extends Record<string, readonly unknown[]>>(of: T): { [K in keyof T]: T[K][number] }[] {
  return Object.entries(of).reduce<Record<string, unknown>[]>(
    (made, [key, values]) => made.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  ) as { [K in keyof T]: T[K][number] }[];
}

const CONFIGURED = allCombinations({
  origins: [["*"], ["*", "null"], [APP], [APP, "null"], ["https://*.example.com"], ["http://localhost:3000", APP]],
  methods: [undefined, ["PUT"], ["GET", "POST"]],
  headers: [undefined, ["*"], ["x-a", "authorization"]],
  credentials: [undefined, true],
  maxAgeSeconds: [undefined, 60],
}).flatMap((cors) => {
  const parsed = Cors.safeParse(cors);
  return parsed.success ? [parsed.data] : [];
});

const ASKED = allCombinations({
  origin: [
    APP,
    "null",
    "https://evil.example",
    "https://example.com",
    "https://a.b.example.com",
    "https://app.example.com.evil.example",
    "https://evilexample.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "http://localhost:3000",
  ],
  method: ["GET", "PUT", "DELETE"],
  headers: [[], ["x-a"], ["authorization"], ["x-a", "x-b"]],
  withCredentials: [false, true],
});

/** By the words of docs/gateway.md, and nothing of the code. */
function isMeant(origins: readonly string[], origin: string): boolean {
  if (origin === "null") return origins.includes("null");
  if (origins.includes("*") || origins.includes(origin)) return true;
  return origins.includes("https://*.example.com") && ["https://a.b.example.com", APP].includes(origin);
}

describe("cors, as a browser takes it", () => {
  it(`lets through what was meant and nothing else: ${CONFIGURED.length} configurations, ${ASKED.length} requests`, () => {
    const wrong: unknown[] = [];
    let through = 0;
    for (const cors of CONFIGURED) {
      for (const asked of ASKED) {
        const answer = answerPreflight([{ cors, methods: undefined }], asked);
        const sent = answer.allowed && maySend(204, answer.headers, asked);
        const isHeader = (name: string) => cors.headers?.includes(name) || (cors.headers?.includes("*") && name !== "authorization");
        const meant =
          isMeant(cors.origins, asked.origin) &&
          (!cors.methods || (cors.methods as readonly string[]).includes(asked.method)) &&
          asked.headers.every((name) => isHeader(name)) &&
          (!asked.withCredentials || cors.credentials === true);
        const headers = new Headers({ "access-control-allow-origin": "https://evil.example", "access-control-allow-credentials": "true" });
        sayWhoMayRead(headers, cors, asked.origin);
        const read = mayRead(headers, asked.origin, asked.withCredentials);
        const mayBeRead = isMeant(cors.origins, asked.origin) && (!asked.withCredentials || cors.credentials === true);
        const isStarWithCredentials = headers.get("access-control-allow-origin") === "*" && headers.has("access-control-allow-credentials");
        if (sent !== meant || read !== mayBeRead || isStarWithCredentials || !/\borigin\b/i.test(headers.get("vary") ?? "")) {
          wrong.push({ cors, asked, sent, meant, read, mayBeRead });
        }
        if (sent) through++;
      }
    }
    expect(wrong).toEqual([]);
    expect([through > 200, CONFIGURED.length > 100]).toEqual([true, true]);
  });
});

describe("cors", () => {
  it.each([
    [{ origins: [] }, /origins/],
    [{ origins: ["app.example.com"] }, /must be an origin/],
    [{ origins: ["https://app.example.com/"] }, /must be an origin/],
    [{ origins: ["https://App.example.com"] }, /must be an origin/],
    [{ origins: ["https://app.example.com:443"] }, /must be an origin/],
    [{ origins: ["https://*"] }, /must be an origin/],
    [{ origins: ["https://*.com"] }, /must be an origin/],
    [{ origins: ["https://*.example.com:443"] }, /must be an origin/],
    [{ origins: ["https://a*.example.com"] }, /must be an origin/],
    [{ origins: ["file://"] }, /must be an origin/],
    [{ origins: ["*", APP] }, /is all but/],
    [{ origins: ["*"], credentials: true }, /that are named/],
    [{ origins: ["null"], credentials: true }, /that are named/],
    [{ origins: [APP], credentials: true, headers: ["*"] }, /that are named/],
    [{ origins: [APP], credentials: true, exposeHeaders: ["*"] }, /that are named/],
    [{ origins: [APP], methods: ["TRACE"] }, /methods/],
    [{ origins: [APP], maxAgeSeconds: 86_401 }, /maxAgeSeconds/],
    [{ origins: [APP], headers: ["a b"] }, /header/],
  ])("%j is refused", (cors, message) => {
    const parsed = Cors.safeParse(cors);
    expect(parsed.success ? "taken" : JSON.stringify(parsed.error.issues)).toMatch(message);
  });

  it("is of what a browser asks before, not of every OPTIONS", () => {
    const asked = { origin: APP, "access-control-request-method": "PUT", "access-control-request-headers": "X-A, content-type" };
    const of = (method: string, headers: Record<string, string>) => preflightOf({ method, headers: new Headers(headers) });
    expect(of("OPTIONS", asked)).toEqual({ origin: APP, method: "PUT", headers: ["x-a", "content-type"] });
    expect(of("GET", asked)).toBeUndefined();
    expect(of("OPTIONS", { origin: APP })).toBeUndefined();
    expect(of("OPTIONS", { "access-control-request-method": "PUT" })).toBeUndefined();
  });

  it("says nothing of what it was not asked", () => {
    const cors = Cors.parse({ origins: [APP], methods: ["PUT", "DELETE"], headers: ["x-a", "x-b"], maxAgeSeconds: 60, credentials: true });
    const answer = answerPreflight([{ cors, methods: undefined }], { origin: APP, method: "PUT", headers: ["x-a"] });
    expect(answer.allowed && Object.fromEntries(answer.headers)).toEqual({
      "access-control-allow-origin": APP,
      "access-control-allow-methods": "PUT",
      "access-control-allow-headers": "x-a",
      "access-control-allow-credentials": "true",
      "access-control-max-age": "60",
      vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    });
  });

  it("takes 64 headers, and not one more, nor one that is none", () => {
    const cors = Cors.parse({ origins: [APP], headers: ["*"] });
    const names = (count: number) => Array.from({ length: count }, (_, i) => `x-${i}`);
    const ask = (headers: string[]) => answerPreflight([{ cors, methods: undefined }], { origin: APP, method: "GET", headers }).allowed;
    expect([ask(names(64)), ask(names(65)), ask(["x\u00e4"])]).toEqual([true, false, false]);
  });

  it("adds to what an answer varies with, and takes away what the target says of others", () => {
    const cors = Cors.parse({ origins: [APP], exposeHeaders: ["do-route", "retry-after"] });
    const said = (headers: Record<string, string>, origin: string | null) => {
      const all = new Headers(headers);
      sayWhoMayRead(all, cors, origin);
      return Object.fromEntries(all);
    };
    expect(said({ vary: "Accept", "access-control-allow-origin": "*", "access-control-expose-headers": "*" }, APP)).toEqual({
      vary: "Accept, Origin",
      "access-control-allow-origin": APP,
      "access-control-expose-headers": "do-route, retry-after",
    });
    expect(said({ vary: "accept, ORIGIN", "access-control-allow-credentials": "true" }, null)).toEqual({ vary: "accept, ORIGIN" });
    expect(said({ vary: "*" }, APP)["vary"]).toBe("*");
  });
});

describe("the route of a request that is only announced", () => {
  const route = (name: string, more: object) => ({
    name,
    ...RouteSpec.parse({ match: { path: "/x" }, target: { response: { json: name } }, ...more }),
  });
  const table = new RouteTable([
    route("beta", { match: { path: "/x", headers: { "x-beta": { exact: "1" } } }, priority: 3 }),
    route("signed", { match: { path: "/x", headers: { cookie: { present: true } } }, priority: 2 }),
    route("plain", { match: { path: "/x" }, priority: 1 }),
    route("never", { match: { path: "/*" } }),
  ]);
  const possible = (announced: string[], headers = {}) =>
    table.possible({ method: "GET", host: "", path: "/x", headers: new Headers(headers) }, announced).map(({ name }) => name);

  it("is each that it may be, up to the one that it is otherwise", () => {
    expect(possible(["x-beta"])).toEqual(["beta", "signed", "plain"]);
    expect(possible([])).toEqual(["signed", "plain"]);
    expect(possible(["x-beta"], { "x-beta": "2" })).toEqual(["beta", "signed", "plain"]);
  });

  it("lets nothing through that one of them does not", () => {
    const open = Cors.parse({ origins: [APP], headers: ["x-a"], credentials: true, maxAgeSeconds: 60 });
    const other = Cors.parse({ origins: [APP], headers: ["x-a"], maxAgeSeconds: 5 });
    const asked = { origin: APP, method: "PUT", headers: ["x-a"] };
    const ask = (...routes: Parameters<typeof answerPreflight>[0][number][]) => answerPreflight(routes, asked);
    const both = ask({ cors: open, methods: undefined }, { cors: other, methods: undefined });
    expect(both.allowed && Object.fromEntries(both.headers)).toMatchObject({ "access-control-max-age": "5" });
    expect(both.allowed && both.headers.has("access-control-allow-credentials")).toBe(false);
    expect(ask({ cors: open, methods: undefined }, { cors: undefined, methods: undefined })).toMatchObject({ reason: "CORS_ORIGIN" });
    expect(ask({ cors: open, methods: undefined }, { cors: other, methods: ["GET"] })).toMatchObject({ reason: "CORS_METHOD" });
    expect(ask({ cors: open, methods: undefined }, { cors: { ...other, headers: [] }, methods: undefined })).toMatchObject({
      reason: "CORS_HEADER",
    });
  });
});
