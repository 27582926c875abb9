import { describe, expect, it } from "vitest";
import type { DoError } from "../../sdk/src/errors.ts";
import { decide, mayReach, type Decision } from "../../workers/core-services/gateway/egress/decide.ts";
import { guardedRequest, type Network, type WayOut } from "../../workers/core-services/gateway/egress/guarded-request.ts";
import type { Outgoing } from "../../workers/core-services/gateway/egress/redirects.ts";
import { outgoing } from "../../workers/core-services/gateway/egress/headers.ts";
import { EgressRules, withoutSecrets } from "../../workers/core-services/gateway/egress/rules.ts";
import { readText } from "../../workers/core-services/gateway/egress/body.ts";
import { spelled } from "../support/spellings.ts";

function ask(rules: unknown, url: string, { method = "GET", headers = {}, loopback = [] as string[] } = {}): Decision {
  return decide(EgressRules.parse(rules), { url: new URL(url), method, headers: new Headers(headers) }, loopback);
}
const isAllowed = (...args: Parameters<typeof ask>) => ask(...args).kind === "allowed";

describe("places that are not everybody's", () => {
  const widest = ["allow-all", { allow: ["*", "*:4000"] }, { subnets: { allow: ["0.0.0.0/0", "::/0"] }, allow: ["*:4000"] }];

  it.each(spelled(4_000))("%j is none that any rule opens", (text) => {
    // A user in a URL is refused before the rules are asked (guardedRequest).
    const isAsked = URL.canParse(text) && new URL(text).username === "";
    expect(widest.filter((rules) => isAsked && ask(rules, text).kind !== "denied")).toEqual([]);
  });

  it.each([
    "https://example.com/",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "http://xn--bcher-kva.example/",
    "https://example.com./",
  ])("%s is everybody's", (url) => {
    expect(ask("allow-all", url)).toMatchObject({ kind: "allowed" });
    expect(ask({ allow: ["*"] }, url)).toMatchObject({ kind: "allowed", rule: "*" });
  });

  it.each([
    ["100.63.255.255", "100.64.0.0"],
    ["172.15.255.255", "172.16.0.0"],
    ["172.32.0.0", "172.31.255.255"],
    ["192.169.0.0", "192.168.255.255"],
    ["223.255.255.255", "224.0.0.0"],
    ["[2003::1]", "[2002::1]"],
    ["[3ffe::1]", "[4000::1]"],
  ])("%s is, its neighbour %s is not", (open, closed) => {
    expect(isAllowed("allow-all", `https://${open}/`)).toBe(true);
    expect(isAllowed("allow-all", `https://${closed}/`)).toBe(false);
  });

  it("of this machine the operator's are, where a rule names them too", () => {
    const loopback = ["http://127.0.0.1:4000"];
    expect(isAllowed({ allow: ["127.0.0.1:4000"] }, "http://127.0.0.1:4000/", { loopback })).toBe(true);
    expect(isAllowed({ allow: ["127.0.0.1:4001"] }, "http://127.0.0.1:4001/", { loopback })).toBe(false);
    expect(isAllowed({ allow: ["127.0.0.1:4000"] }, "https://127.0.0.1:4000/", { loopback })).toBe(false);
    for (const rules of ["allow-all", { allow: ["*", "*:4000"] }])
      expect(isAllowed(rules, "http://127.0.0.1:4000/", { loopback })).toBe(false);
  });
});

describe("rules", () => {
  it("without any, nothing", () => {
    for (const rules of ["deny-all", {}, { allow: [] }, { allow: {} }])
      expect(ask(rules, "https://a.example.com/")).toMatchObject({ reason: "NO_RULE" });
  });

  it("the name itself counts before the longest wildcard, and that before *", () => {
    const rules = { allow: { "a.b.example.com": [], "*.b.example.com": [], "*.example.com": [], "*": [] } };
    const which = (host: string) => (ask(rules, `https://${host}/`) as { rule?: string }).rule;
    expect(["a.b.example.com", "c.b.example.com", "d.c.b.example.com", "x.example.com", "example.com"].map(which)).toEqual([
      "a.b.example.com",
      "*.b.example.com",
      "*.b.example.com",
      "*.example.com",
      "*",
    ]);
  });

  it("a wildcard is of whole labels", () => {
    expect(isAllowed({ allow: ["*.example.com"] }, "https://evilexample.com/")).toBe(false);
    expect(isAllowed({ allow: ["*.example.com"] }, "https://example.com.evil.com/")).toBe(false);
    expect(isAllowed({ allow: ["*.example.com"] }, "https://example.com/")).toBe(false);
    expect(isAllowed({ allow: ["EXAMPLE.com"] }, "https://Example.COM/")).toBe(true);
  });

  it("a port must be named, where it is not that of the scheme", () => {
    expect(isAllowed({ allow: ["a.example.com"] }, "https://a.example.com:443/")).toBe(true);
    expect(isAllowed({ allow: ["a.example.com"] }, "https://a.example.com:8443/")).toBe(false);
    expect(isAllowed({ allow: ["a.example.com:8443"] }, "https://a.example.com:8443/")).toBe(true);
    expect(isAllowed({ allow: ["a.example.com:8443"] }, "https://a.example.com/")).toBe(false);
    expect(ask("allow-all", "https://a.example.com:25/")).toMatchObject({ reason: "PORT_NOT_ALLOWED" });
  });

  it("the first that matches counts, and none is a refusal", () => {
    const rules = {
      allow: {
        "a.example.com": [
          { match: { method: ["POST"], path: { exact: "/token" } }, transform: [{ headers: { "X-Key": "1" } }] },
          { match: { path: { startsWith: "/v1/" }, queryString: [{ key: { exact: "q" }, value: { startsWith: "a" } }] } },
          { match: { headers: [{ key: { exact: "X-Open" }, value: { exact: "yes" } }] } },
        ],
      },
    };
    expect(ask(rules, "https://a.example.com/token", { method: "POST" })).toEqual({
      kind: "allowed",
      rule: "a.example.com",
      inject: { "x-key": "1" },
    });
    expect(ask(rules, "https://a.example.com/token")).toMatchObject({ kind: "denied", reason: "NO_RULE" });
    expect(isAllowed(rules, "https://a.example.com/v1/x?q=abc")).toBe(true);
    expect(isAllowed(rules, "https://a.example.com/v1/x?q=b")).toBe(false);
    expect(isAllowed(rules, "https://a.example.com/v1/x")).toBe(false);
    expect(isAllowed(rules, "https://a.example.com/else", { headers: { "x-open": "yes" } })).toBe(true);
    expect(isAllowed(rules, "https://a.example.com/else", { headers: { "x-open": "no" } })).toBe(false);
  });

  it("headers are added over https only", () => {
    const rules = { allow: { "a.example.com": [{ transform: [{ headers: { "x-key": "1" } }] }] } };
    expect(isAllowed(rules, "https://a.example.com/")).toBe(true);
    expect(ask(rules, "http://a.example.com/")).toMatchObject({ reason: "INSECURE_SECRET" });
  });

  it("subnets are of addresses, and a denied one comes before all", () => {
    const rules = { allow: ["*"], subnets: { deny: ["8.8.8.0/24"] } };
    expect(ask(rules, "https://8.8.8.8/")).toMatchObject({ reason: "SUBNET_DENIED" });
    expect(isAllowed(rules, "https://8.8.9.8/")).toBe(true);
    expect(isAllowed({ subnets: { allow: ["8.8.8.0/24"] } }, "https://8.8.8.8/")).toBe(true);
    expect(isAllowed({ subnets: { allow: ["8.8.8.0/24"] } }, "https://8.8.9.8/")).toBe(false);
  });

  it("say whether some request could be allowed", () => {
    const rules = EgressRules.parse({ allow: { "a.example.com": [{ match: { method: ["POST"] } }] } });
    expect(mayReach(rules, new URL("https://a.example.com/"), []).kind).toBe("allowed");
    expect(mayReach(rules, new URL("https://b.example.com/"), []).kind).toBe("denied");
  });

  it("are shown without what they add", () => {
    const rules = EgressRules.parse({
      allow: { "a.example.com": [{ match: { method: ["GET"] }, transform: [{ headers: { "x-key": "hidden" } }] }] },
    });
    expect(JSON.stringify(withoutSecrets(rules))).not.toContain("hidden");
    expect(withoutSecrets(rules)).toMatchObject({
      allow: { "a.example.com": [{ match: { method: ["GET"] }, transform: [{ headers: { "x-key": "***" } }] }] },
    });
  });
});

describe("headers that leave", () => {
  it("are without those of a hop and those that say who asks", () => {
    const sent = new Headers({
      host: "x",
      connection: "x-secret, keep-alive",
      "x-secret": "1",
      "transfer-encoding": "chunked",
      "x-forwarded-host": "x",
      "cf-connecting-ip": "1.1.1.1",
      "x-do-peer": "1.1.1.1",
      "proxy-authorization": "x",
      accept: "text/plain",
    });
    expect([...outgoing(sent)]).toEqual([["accept", "text/plain"]]);
  });
});

/** A network that answers from a table, and keeps what it was asked. */
function networkOf(answers: Record<string, () => Response>) {
  const asked: { url: string; init: RequestInit; headers: Headers }[] = [];
  const network: Network = {
    fetch: (url, init) => {
      asked.push({ url, init, headers: new Headers(init.headers) });
      const answer = answers[url];
      return answer ? Promise.resolve(answer()) : Promise.reject(new Error("connect ECONNREFUSED 10.1.2.3"));
    },
  };
  return { network, asked };
}

function way(rules: unknown, network: Network, secrets: Record<string, string> = {}): WayOut {
  const values = (names: readonly string[]) =>
    Promise.resolve(Object.fromEntries(Object.entries(secrets).filter(([name]) => names.includes(name))));
  return {
    rules: EgressRules.parse(rules),
    publicNetwork: network,
    localNetwork: undefined,
    loopbackOrigins: [],
    cdnLoop: "do; id=1",
    secrets: { values },
  };
}

function outgoingTo(url: string, more: Partial<Outgoing> = {}): Outgoing {
  return {
    url,
    method: "GET",
    headers: new Headers(),
    body: undefined,
    redirect: "follow",
    maxBytes: 10,
    signal: AbortSignal.timeout(5_000),
    ...more,
  };
}

const redirect = (status: number, location: string) => () => new Response(null, { status, headers: { location } });

describe("redirects", () => {
  it("are asked of the rules, hop by hop, and credentials stay where they were meant to go", async () => {
    const { network, asked } = networkOf({
      "https://a.example.com/": redirect(302, "https://b.example.com/next"),
      "https://b.example.com/next": () => new Response("here"),
    });
    const rules = { allow: { "a.example.com": [{ transform: [{ headers: { "x-key": "of-a" } }] }], "b.example.com": [] } };
    const headers = new Headers({ authorization: "Bearer mine", cookie: "a=1", "x-other": "1" });
    const answer = await guardedRequest(way(rules, network), outgoingTo("https://a.example.com/", { headers }));
    expect([answer.url, answer.redirected, await readText(answer.body)]).toEqual(["https://b.example.com/next", true, "here"]);
    expect(asked[0]?.headers.get("x-key")).toBe("of-a");
    expect(Object.fromEntries(asked[1]?.headers ?? [])).toEqual({ "x-other": "1", "user-agent": "do", "cdn-loop": "do; id=1" });
    expect(asked.every(({ init }) => init.redirect === "manual")).toBe(true);
  });

  // The others can be in no header.
  it.each(spelled(80).filter((text) => /^[\x20-\xff]*$/.test(text)))("to %j are refused", async (location) => {
    const { network, asked } = networkOf({ "https://a.example.com/": redirect(302, location) });
    const work = guardedRequest(way({ allow: ["*"] }, network), outgoingTo("https://a.example.com/"));
    await expect(work).rejects.toMatchObject({ code: expect.stringMatching(/PERMISSION_DENIED|INVALID_ARGUMENT/) as string });
    expect(asked).toHaveLength(1);
  });

  it.each([
    [301, "POST", "GET", undefined],
    [302, "POST", "GET", undefined],
    [303, "PUT", "GET", undefined],
    [307, "POST", "POST", "body"],
    [308, "PUT", "PUT", "body"],
    [302, "PUT", "PUT", "body"],
  ])("%i of %s is %s", async (status, method, next, body) => {
    const { network, asked } = networkOf({
      "https://a.example.com/": redirect(status, "/b"),
      "https://a.example.com/b": () => new Response(""),
    });
    await guardedRequest(
      way("allow-all", network),
      outgoingTo("https://a.example.com/", { method, body: new TextEncoder().encode("body") }),
    );
    expect(asked[1]?.init.method).toBe(next);
    expect(asked[1]?.init.body === undefined ? undefined : new TextDecoder().decode(asked[1]?.init.body as Uint8Array)).toBe(body);
  });

  it("are followed twenty times and no more", async () => {
    const { network, asked } = networkOf({ "https://a.example.com/": redirect(302, "/") });
    await expect(guardedRequest(way("allow-all", network), outgoingTo("https://a.example.com/"))).rejects.toMatchObject({
      reason: "TOO_MANY_REDIRECTS",
    });
    expect(asked).toHaveLength(21);
  });

  it("are answers where they are not to be followed", async () => {
    const { network } = networkOf({ "https://a.example.com/": redirect(302, "http://127.0.0.1/") });
    expect(await guardedRequest(way("allow-all", network), outgoingTo("https://a.example.com/", { redirect: "manual" }))).toMatchObject({
      status: 302,
    });
  });
});

describe("a header with a named secret", () => {
  const named = (value: object, more: object = {}) => ({
    allow: { "a.example.com": [{ transform: [{ headers: { authorization: value, "x-plain": "1" } }], ...more }], "b.example.com": [] },
  });
  const send = (rules: unknown, network: Network, secrets: Record<string, string>) =>
    guardedRequest(way(rules, network, secrets), outgoingTo("https://a.example.com/"));

  it("has its value as it is when the request is sent, after its prefix", async () => {
    const { network, asked } = networkOf({ "https://a.example.com/": () => new Response("") });
    const secrets = { KEY: "one" };
    await send(named({ secret: "KEY", prefix: "Bearer " }), network, secrets);
    secrets.KEY = "two";
    await send(named({ secret: "KEY" }), network, secrets);
    expect(asked.map(({ headers }) => [headers.get("authorization"), headers.get("x-plain")])).toEqual([
      ["Bearer one", "1"],
      ["two", "1"],
    ]);
  });

  it("does not follow to where a redirect leads", async () => {
    const { network, asked } = networkOf({
      "https://a.example.com/": redirect(302, "https://b.example.com/"),
      "https://b.example.com/": () => new Response(""),
    });
    await send(named({ secret: "KEY" }), network, { KEY: "one" });
    expect(asked.map(({ headers }) => headers.get("authorization"))).toEqual(["one", null]);
  });

  it.each([
    [{}, "SECRET_MISSING"],
    [{ KEY: "one\ntwo" }, "SECRET_UNFIT"],
    [{ KEY: " padded" }, "SECRET_UNFIT"],
    [{ KEY: "\u20ac" }, "SECRET_UNFIT"],
    [{ KEY: "x".repeat(8_193) }, "SECRET_UNFIT"],
  ])("is none with %j: nothing is sent, and the value is in no error", async (secrets, rule) => {
    const { network, asked } = networkOf({ "https://a.example.com/": () => new Response("") });
    const error = await send(named({ secret: "KEY" }), network, secrets).catch((thrown: unknown) => thrown as DoError);
    expect(error).toMatchObject({ code: "PERMISSION_DENIED", reason: "EGRESS_DENIED", details: { rule } });
    expect((error as DoError).message).toMatch(/adds the secret KEY, which /);
    for (const value of Object.values(secrets)) expect((error as DoError).message).not.toContain(value);
    expect(asked).toEqual([]);
  });

  it("is sent at its longest", async () => {
    const { network, asked } = networkOf({ "https://a.example.com/": () => new Response("") });
    await send(named({ secret: "KEY" }), network, { KEY: "x".repeat(8_192) });
    expect(asked[0]?.headers.get("authorization")).toHaveLength(8_192);
  });

  it("is shown by its name, and cannot be a name that is none", () => {
    const rules = EgressRules.parse(named({ secret: "KEY", prefix: "Bearer " }));
    expect(withoutSecrets(rules)).toMatchObject({
      allow: { "a.example.com": [{ transform: [{ headers: { authorization: { secret: "KEY", prefix: "Bearer " }, "x-plain": "***" } }] }] },
    });
    for (const wrong of [{ secret: "a b" }, { secret: "" }, { secret: "KEY", prefix: "a\r\nb" }, { secret: "KEY", suffix: "x" }, {}, "***"])
      expect([wrong, EgressRules.safeParse(named(wrong as object)).success]).toEqual([wrong, false]);
  });

  it("goes over https only", async () => {
    const { network, asked } = networkOf({});
    const sent = guardedRequest(way(named({ secret: "KEY" }), network, { KEY: "one" }), outgoingTo("http://a.example.com/"));
    await expect(sent).rejects.toMatchObject({ details: { rule: "INSECURE_SECRET" } });
    expect(asked).toEqual([]);
  });
});

describe("a request", () => {
  it("that is none is not sent", async () => {
    const { network, asked } = networkOf({});
    for (const url of [
      "",
      "x",
      "https://user@a.example.com/",
      "https://:p@a.example.com/",
      `https://a.example.com/${"x".repeat(16_384)}`,
    ]) {
      await expect(guardedRequest(way("allow-all", network), outgoingTo(url))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    for (const method of ["CONNECT", "TRACE", "get\r\nx", ""]) {
      await expect(guardedRequest(way("allow-all", network), outgoingTo("https://a.example.com/", { method }))).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
    expect(asked).toEqual([]);
  });

  it("that fails says nothing of where a name led", async () => {
    const { network } = networkOf({});
    const failed = await guardedRequest(way("allow-all", network), outgoingTo("https://a.example.com/")).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "UPSTREAM", reason: "UNREACHABLE" });
    expect(String((failed as Error).message)).not.toMatch(/10\.1\.2\.3|ECONN/);
  });

  it("takes an answer up to its size, and not a byte more", async () => {
    const answers = {
      "https://a.example.com/10": () => new Response("0123456789"),
      "https://a.example.com/11": () => new Response("0123456789x"),
    };
    const { network } = networkOf(answers);
    expect(await readText((await guardedRequest(way("allow-all", network), outgoingTo("https://a.example.com/10"))).body)).toBe(
      "0123456789",
    );
    const over = await guardedRequest(way("allow-all", network), outgoingTo("https://a.example.com/11"));
    await expect(readText(over.body)).rejects.toMatchObject({ code: "TOO_LARGE" });
  });
});
