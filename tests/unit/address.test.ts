import { describe, expect, it } from "vitest";
import { addressOf } from "../../workers/do/src/address.ts";

const request = (headers: Record<string, string>) => new Request("http://do.example/", { headers });
const both = { "x-do-peer": "192.0.2.1", "cf-connecting-ip": "192.0.2.2", "x-forwarded-for": "192.0.2.3" };

describe("where a request comes from", () => {
  it.each([
    ["host", "192.0.2.1"],
    ["cloudflare", "192.0.2.2"],
    [undefined, undefined],
    ["", undefined],
    ["everybody", undefined],
    ["constructor", undefined],
  ])("behind %s it is %s", (trusted, expected) => {
    expect(addressOf(request(both), trusted)).toBe(expected);
  });

  it("is not known when the ingress says nothing, or nothing that is an address", () => {
    expect(addressOf(request({}), "host")).toBeUndefined();
    for (const said of ["", "unknown", "192.0.2.1, 192.0.2.9", "evil"])
      expect(addressOf(request({ "x-do-peer": said }), "host")).toBeUndefined();
  });
});
