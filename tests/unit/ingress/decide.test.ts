import { describe, expect, it } from "vitest";
import { decide, type RequestHead } from "../../../host/src/ingress/decide.ts";
import { hopOf } from "../../../host/src/ingress/front.ts";
import { hostOf, requestHeaders, responseHeaders } from "../../../host/src/ingress/headers.ts";
import { INGRESS_LIMITS } from "../../../host/src/ingress/limits.ts";
import { peerOf, Census } from "../../../host/src/ingress/census.ts";

const limits = { ...INGRESS_LIMITS, bodyBytes: 10 };
const admit = (head: Partial<RequestHead>) =>
  decide({ method: "POST", url: "/a", httpVersion: "1.1", rawHeaders: ["Host", "x"], ...head }, limits, (bytes) => Buffer.alloc(bytes, 1));
const withHeaders = (...rawHeaders: string[]) => admit({ rawHeaders: ["Host", "x", ...rawHeaders] });

describe("the body", () => {
  it("is framed towards the front as it was said, once", () => {
    expect(hopOf(withHeaders("Content-Length", "10"))).toEqual([
      ["connection", "close"],
      ["content-length", "10"],
    ]);
    expect(hopOf(withHeaders("Transfer-Encoding", "Chunked"))).toEqual([
      ["connection", "close"],
      ["transfer-encoding", "chunked"],
    ]);
    expect(hopOf(admit({}))).toEqual([
      ["connection", "close"],
      ["content-length", "0"],
    ]);
    expect(hopOf(admit({ method: "DELETE" }))).toEqual([["connection", "close"]]);
  });

  it.each([
    [["Content-Length", "11"], 413, "BODY_TOO_LARGE"],
    [["Content-Length", "1e1"], 400, "BAD_FRAMING"],
    [["Content-Length", "1", "Transfer-Encoding", "chunked"], 400, "BAD_FRAMING"],
    [["Content-Length", "1", "Content-Length", "1"], 400, "DUPLICATE_HEADER"],
    [["Transfer-Encoding", "gzip, chunked"], 501, "TRANSFER_CODING"],
    [["A", "b\nc"], 400, "BAD_HEADER"],
  ])("%j is refused, should the parser let it through", (headers, status, reason) => {
    expect(() => withHeaders(...headers)).toThrow(expect.objectContaining({ status, reason }));
  });
});

describe("hostOf", () => {
  it.each(["a", "a.b-c_d.e", "a:0", "a:65535", "127.0.0.1:80", "[::1]", "[fe80::1]:8787"])("%s", (host) => {
    expect(hostOf([["Host", host]])).toBe(host);
  });
  it.each(["", " ", "a b", "a:", "a:65536", "a:1:2", "::1", "[1.2.3.4]", "[]", "a/b", "a?b", "a@b", "a,b", "é", "a%2eb", "a".repeat(256)])(
    "%j is none",
    (host) => {
      expect(() => hostOf([["Host", host]])).toThrow(expect.objectContaining({ status: 400, reason: "BAD_HOST" }));
    },
  );
});

describe("headers that go on", () => {
  it("Connection can take away what it names, in any case and over several lines, and gives nothing", () => {
    expect(
      requestHeaders([
        ["Connection", "close, X-A"],
        ["connection", "x-b"],
        ["x-a", "1"],
        ["X-B", "2"],
        ["X-C", "3"],
      ]),
    ).toEqual([["X-C", "3"]]);
  });

  it.each([
    "Forwarded",
    "X-Forwarded-Anything",
    "x_forwarded_for",
    "CF-Ray",
    "X-Do-Anything",
    "X_DO_PEER",
    "Content-Length",
    "Host",
    "Via",
  ])("%s of a caller does not", (name) => expect(requestHeaders([[name, "1"]])).toEqual([]));

  it.each(["X-Do-Anything", "X-Request-Id", "Connection", "Transfer-Encoding", "Upgrade"])("%s of the front does not", (name) =>
    expect(responseHeaders([[name, "1"]])).toEqual([]),
  );
});

describe("connections of one peer", () => {
  it("a peer with IPv6 is its network", () => {
    expect(["10.0.0.1", "2001:db8::1", "2001:db8:0:0:ffff::1", "2001:db8:0:1::1", "::1", "fe80::1%eth0"].map(peerOf)).toEqual([
      "10.0.0.1",
      "2001:db8:0:0",
      "2001:db8:0:0",
      "2001:db8:0:1",
      "0:0:0:0",
      "fe80:0:0:0",
    ]);
  });

  it("at its limit gets in, one over it does not, another does, and so it does when one has left", () => {
    const census = new Census({ ...INGRESS_LIMITS, connectionsPerPeer: 2 });
    expect([census.enter("10.0.0.1"), census.enter("10.0.0.1")]).toEqual([undefined, undefined]);
    expect(census.enter("10.0.0.1")).toMatchObject({ status: 503, reason: "TOO_MANY_CONNECTIONS" });
    expect(census.enter("10.0.0.2")).toBeUndefined();
    census.leave("10.0.0.1");
    census.leave("10.0.0.1");
    expect(census.enter("10.0.0.1")).toBeUndefined();
  });
});
