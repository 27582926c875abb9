import { describe, expect, it } from "vitest";
import { decideTarget } from "../../../host/src/ingress/target.ts";

const HOST = "do.test:8787";

describe("decideTarget", () => {
  it.each([
    ["/", "/", ""],
    ["/rpc/db/get", "/rpc/db/get", ""],
    ["/a?", "/a", "?"],
    ["/a?b?c=/../", "/a", "?b?c=/../"],
    ["/a%20b/%E2%82%AC", "/a%20b/%E2%82%AC", ""],
    ["/a%25b", "/a%25b", ""],
    ["/a/", "/a/", ""],
    ["/.well-known/x", "/.well-known/x", ""],
    ["/a.../..b/c..", "/a.../..b/c..", ""],
    ["/a;v=1/b|c[d]^e", "/a;v=1/b|c[d]^e", ""],
    ["http://do.test:8787/a?b", "/a", "?b"],
    ["HTTPS://DO.test:8787", "/", ""],
  ])("%s goes on as it is", (text, path, query) => {
    expect(decideTarget(text, HOST)).toEqual({ path, query });
  });

  it.each([
    ["/..", "BAD_PATH"],
    ["/a/..", "BAD_PATH"],
    ["/a/./b", "BAD_PATH"],
    ["/%2e", "BAD_PATH"],
    ["/a/.%2E/b", "BAD_PATH"],
    ["/a/%2e%2e;x/b", "BAD_PATH"],
    ["/a//b", "BAD_PATH"],
    ["/a%2Fb", "BAD_PATH"],
    ["/a%5cb", "BAD_PATH"],
    ["/a%00", "BAD_PATH"],
    ["/a%1f", "BAD_PATH"],
    ["/a%7F", "BAD_PATH"],
    ["/a%252e%252e", "BAD_PATH"],
    ["/a%255c", "BAD_PATH"],
    ["/a%", "BAD_PATH"],
    ["/a%u002e", "BAD_PATH"],
    ["/%c0%af", "BAD_PATH"],
    ["/a\\b", "BAD_PATH"],
    ["/a b", "BAD_PATH"],
    ["/é", "BAD_PATH"],
    ["/a{b}", "BAD_PATH"],
    ["/a?#b", "BAD_TARGET"],
    ["/a?é", "BAD_TARGET"],
    ["/a?b c", "BAD_TARGET"],
    ["*", "BAD_TARGET"],
    ["a", "BAD_TARGET"],
    ["do.test:8787", "BAD_TARGET"],
    ["file:///etc/passwd", "BAD_TARGET"],
    ["http://do.test/", "BAD_HOST"],
    ["http://do.test:8787@evil.test/", "BAD_HOST"],
    ["http://do.test:8787//a", "BAD_PATH"],
  ])("%s is refused", (text, reason) => {
    expect(() => decideTarget(text, HOST)).toThrow(expect.objectContaining({ status: 400, reason }));
  });
});
