import { describe, expect, it } from "vitest";
import { parseDirectives, secondsOf } from "../../workers/core-services/gateway/cache/directives.ts";
import { evaluate, isUnchanged, mayStore, refreshed, varyOf, type CacheOptions } from "../../workers/core-services/gateway/cache/policy.ts";

const MADE_MS = Date.UTC(2026, 0, 1);
const DATE = new Date(MADE_MS).toUTCString();

function stored(headers: Record<string, string>, status = 200) {
  return { status, headers: Object.entries({ date: DATE, ...headers }), requestMs: MADE_MS, responseMs: MADE_MS };
}

/** What a kept answer is worth so many seconds after it came. */
function at(seconds: number, headers: Record<string, string>, request: Record<string, string> = {}, options: CacheOptions = {}) {
  return evaluate(stored(headers), new Headers(request), options, MADE_MS + seconds * 1_000);
}
const kind = (...args: Parameters<typeof at>) => at(...args).kind;

function stores(
  headers: Record<string, string>,
  more: { status?: number; request?: Record<string, string>; isAuthorized?: boolean; options?: CacheOptions; method?: string } = {},
) {
  const { status = 200, request = {}, isAuthorized = false, options = {}, method = "GET" } = more;
  return mayStore({ method, requestHeaders: new Headers(request), isAuthorized }, status, new Headers({ date: DATE, ...headers }), options);
}

describe("directives", () => {
  it("have no case, may be quoted, and the first of a name counts", () => {
    expect([...parseDirectives(`Max-Age=10, no-cache="a, b", PUBLIC, max-age=99, s-maxage="7"`)]).toEqual([
      ["max-age", "10"],
      ["no-cache", "a, b"],
      ["public", ""],
      ["s-maxage", "7"],
    ]);
    expect([...parseDirectives(null)]).toEqual([]);
  });

  it("of seconds that are none are 0, and endless ones have an end", () => {
    const seconds = (text: string) => secondsOf(parseDirectives(`max-age=${text}`), "max-age");
    expect(["60", "-1", "1.5", "x", "", "9".repeat(400)].map(seconds)).toEqual([60, 0, 0, 0, 0, 2 ** 31]);
  });
});

describe("what is kept", () => {
  it.each([
    [{ "cache-control": "max-age=60" }, true],
    [{ "cache-control": "s-maxage=60" }, true],
    [{ "cdn-cache-control": "max-age=60", "cache-control": "no-store" }, true],
    [{ expires: new Date(MADE_MS + 60_000).toUTCString() }, true],
    [{ "cache-control": "no-cache", etag: `"1"` }, false],
    [{ "cache-control": "max-age=0", etag: `"1"` }, true],
    [{ "cache-control": "max-age=0" }, false],
    [{}, false],
    [{ "cache-control": "public" }, false],
    [{ "cache-control": "no-store, max-age=60" }, false],
    [{ "cache-control": "private, max-age=60" }, false],
    [{ "cdn-cache-control": "no-store", "cache-control": "max-age=60" }, false],
    [{ "cache-control": "max-age=60", vary: "accept, *" }, false],
    [{ "cache-control": "max-age=60", "set-cookie": "a=1" }, false],
    [{ expires: "0" }, false],
  ])("%j: %s", (headers, expected) => {
    expect(stores(headers)).toBe(expected);
  });

  it("is what a route says of those that say nothing, and of those alone", () => {
    const options = { ttlSeconds: 60 };
    expect(stores({}, { options })).toBe(true);
    expect(stores({}, { options, status: 500 })).toBe(false);
    expect(stores({}, { options, status: 302 })).toBe(false);
    expect(stores({ "cache-control": "max-age=60" }, { status: 302 })).toBe(true);
    expect(stores({ "cache-control": "max-age=60" }, { status: 206 })).toBe(false);
    expect(stores({ "cache-control": "no-store" }, { options })).toBe(false);
  });

  it("is of a GET, not of a part, and not what the caller does not want kept", () => {
    const fresh = { "cache-control": "max-age=60" };
    expect(stores(fresh, { method: "POST" })).toBe(false);
    expect(stores(fresh, { request: { range: "bytes=0-1" } })).toBe(false);
    expect(stores(fresh, { request: { "cache-control": "no-store" } })).toBe(false);
  });

  it("where a credential was needed, is only what says that it is for all", () => {
    expect(stores({ "cache-control": "max-age=60" }, { isAuthorized: true })).toBe(false);
    for (const word of ["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"]) {
      expect(stores({ "cache-control": word }, { isAuthorized: true })).toBe(true);
    }
  });
});

describe("how long it is fresh", () => {
  it("until its age is what it says, and not a moment longer", () => {
    expect([kind(59.9, { "cache-control": "max-age=60" }), kind(60, { "cache-control": "max-age=60" })]).toEqual(["fresh", "ask"]);
    expect(kind(59, { "cache-control": "max-age=10, s-maxage=60" })).toBe("fresh");
    expect(kind(59, { "cache-control": "max-age=60", expires: "0" })).toBe("fresh");
    expect(kind(59, { expires: new Date(MADE_MS + 60_000).toUTCString() })).toBe("fresh");
    expect(kind(61, { expires: new Date(MADE_MS + 60_000).toUTCString() })).toBe("ask");
    expect(kind(59, {}, {}, { ttlSeconds: 60 })).toBe("fresh");
  });

  it("counts the age that it came with, and the time that it was on its way", () => {
    expect(kind(9, { "cache-control": "max-age=60", age: "50" })).toBe("fresh");
    expect(kind(10, { "cache-control": "max-age=60", age: "50" })).toBe("ask");
    const old = { ...stored({ "cache-control": "max-age=60" }), requestMs: MADE_MS + 59_000, responseMs: MADE_MS + 59_000 };
    expect(evaluate(old, new Headers(), {}, MADE_MS + 59_500).kind).toBe("fresh");
    expect(evaluate(old, new Headers(), {}, MADE_MS + 60_000).kind).toBe("ask");
  });

  it("is for the caller to narrow", () => {
    const fresh = { "cache-control": "max-age=60" };
    expect(kind(30, fresh, { "cache-control": "no-cache" })).toBe("ask");
    expect(kind(30, fresh, { pragma: "no-cache" })).toBe("ask");
    expect(kind(30, fresh, { "cache-control": "max-age=30" })).toBe("fresh");
    expect(kind(30, fresh, { "cache-control": "max-age=29" })).toBe("ask");
    expect(kind(30, fresh, { "cache-control": "min-fresh=30" })).toBe("fresh");
    expect(kind(30, fresh, { "cache-control": "min-fresh=31" })).toBe("ask");
  });

  it("and to widen, but where the answer forbids it", () => {
    expect(kind(70, { "cache-control": "max-age=60" }, { "cache-control": "max-stale=10" })).toBe("fresh");
    expect(kind(71, { "cache-control": "max-age=60" }, { "cache-control": "max-stale=10" })).toBe("ask");
    expect(kind(999, { "cache-control": "max-age=60" }, { "cache-control": "max-stale" })).toBe("fresh");
    for (const word of ["must-revalidate", "proxy-revalidate", "s-maxage=60"]) {
      expect(kind(61, { "cache-control": `max-age=60, ${word}` }, { "cache-control": "max-stale" })).toBe("ask");
    }
    expect(kind(30, { "cache-control": "max-age=60, must-revalidate" })).toBe("fresh");
    expect(kind(1, { "cache-control": "max-age=60, no-cache", etag: "x" })).toBe("ask");
  });

  it("may be answered while a new one is asked for, or instead of a failure, for as long as is said", () => {
    const swr = { "cache-control": "max-age=60, stale-while-revalidate=30" };
    expect([kind(59, swr), kind(60, swr), kind(89, swr), kind(90, swr)]).toEqual(["fresh", "stale", "stale", "ask"]);
    const sie = { "cache-control": "max-age=60, stale-if-error=30" };
    expect([at(89, sie).ifError, at(90, sie).ifError]).toEqual([true, false]);
    expect(at(89, { "cache-control": "max-age=60" }, {}, { staleIfErrorSeconds: 30 })).toMatchObject({ kind: "ask", ifError: true });
    expect(at(61, { "cache-control": "max-age=60, must-revalidate" }, {}, { staleIfErrorSeconds: 30 }).ifError).toBe(false);
  });
});

describe("what a caller has", () => {
  const has = (request: Record<string, string>, headers: Record<string, string>) => isUnchanged(new Headers(request), new Headers(headers));

  it("is compared weakly by its tag, and by its time where there is no tag", () => {
    expect(has({ "if-none-match": `"a", W/"b"` }, { etag: `"b"` })).toBe(true);
    expect(has({ "if-none-match": `"a"` }, { etag: `"b"` })).toBe(false);
    expect(has({ "if-none-match": "*" }, {})).toBe(true);
    const [older, newer] = [new Date(MADE_MS).toUTCString(), new Date(MADE_MS + 1_000).toUTCString()];
    expect(has({ "if-modified-since": newer }, { "last-modified": older })).toBe(true);
    expect(has({ "if-modified-since": older }, { "last-modified": newer })).toBe(false);
    // The tag counts, where both are there.
    expect(has({ "if-none-match": `"a"`, "if-modified-since": newer }, { etag: `"b"`, "last-modified": older })).toBe(false);
    expect(has({}, { etag: `"b"` })).toBe(false);
  });
});

it("an answer depends on the headers that it names", () => {
  expect(varyOf(new Headers({ accept: "a", "x-b": "1" }), new Headers({ vary: "X-B, Accept-Language , accept" }))).toEqual([
    ["accept", "a"],
    ["accept-language", ""],
    ["x-b", "1"],
  ]);
});

it("what a 304 says takes the place of what was said, but of the body's own", () => {
  const kept: [string, string][] = [
    ["etag", `"1"`],
    ["content-type", "text/plain"],
    ["age", "100"],
    ["x-old", "1"],
  ];
  const said = new Headers({ etag: `"1"`, "cache-control": "max-age=9", "content-type": "text/html" });
  expect(Object.fromEntries(refreshed(kept, said))).toEqual({
    "content-type": "text/plain",
    "x-old": "1",
    etag: `"1"`,
    "cache-control": "max-age=9",
  });
});
