import { describe, expect, it } from "vitest";
import { isLooping, MAX_LOOP_CHARACTERS, MAX_LOOPS, passedOn } from "../../workers/core-services/gateway/egress/cdn-loop.ts";

const ours = (times: number, entry = "do; id=ab12") => Array.from({ length: times }, () => entry).join(", ");

describe("CDN-Loop (RFC 8586)", () => {
  it("is the field that came and this deployment", () => {
    expect(passedOn("", "ab12")).toBe("do; id=ab12");
    expect(passedOn("other.example; v=1", "ab12")).toBe("other.example; v=1, do; id=ab12");
  });

  it("is a loop when this deployment is in it too often, and not before", () => {
    let field = "";
    for (let i = 0; i < MAX_LOOPS; i++) {
      expect(isLooping(field, "ab12")).toBe(false);
      field = passedOn(field, "ab12");
    }
    expect(isLooping(field, "ab12")).toBe(true);
  });

  it.each([["do;id=ab12"], ["DO ; ID=ab12"], ['do; id="ab12"'], ["do; v=1; id=ab12"]])("knows %j", (entry) => {
    expect(isLooping(ours(MAX_LOOPS, entry), "ab12")).toBe(true);
  });

  it.each([["do; id=ab13"], ["do"], ["todo; id=ab12"], ["other; v=ab12"], ['other; v="a, do; id=ab12"'], ["do; xid=ab12"], [""], [" , ,"]])(
    "takes %j for another",
    (entry) => {
      expect(isLooping(ours(MAX_LOOPS, entry), "ab12")).toBe(false);
    },
  );

  it("is one by its length, too", () => {
    expect(isLooping("x".repeat(MAX_LOOP_CHARACTERS), "ab12")).toBe(false);
    expect(isLooping("x".repeat(MAX_LOOP_CHARACTERS + 1), "ab12")).toBe(true);
  });
});
