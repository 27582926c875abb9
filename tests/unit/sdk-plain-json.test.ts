import { describe, expect, it } from "vitest";
import { DoError } from "../../sdk/src/index.ts";
import { toPlainJson } from "../../sdk/src/http/plain-json.ts";

const send = (input: unknown) => toPlainJson({ input }, "the request");

function refusal(input: unknown): unknown {
  try {
    return send(input);
  } catch (error) {
    return error;
  }
}

class Order {
  readonly id = 1;
}

const cycle: Record<string, unknown> = { list: [] };
(cycle["list"] as unknown[]).push({ back: cycle });

describe("plain JSON", () => {
  it("goes as it is", () => {
    const input = { a: [1, "two", null, true, -1.5e300], "": {}, __proto: 1, "a/b~c": [] };
    expect(JSON.parse(send(input))).toEqual({ input });
  });

  it("leaves out members that are undefined, as JSON does", () => {
    expect(send({ a: undefined, b: 1 })).toBe('{"input":{"b":1}}');
    expect(send(undefined)).toBe("{}");
  });

  it("holds an object twice that is in two places", () => {
    const one = { n: 1 };
    expect(send([one, { one }])).toBe('{"input":[{"n":1},{"one":{"n":1}}]}');
  });
});

describe("what JSON would change", () => {
  it.each([
    [{ a: { at: new Date(0) } }, "input.a.at is a Date, which JSON does not have"],
    [[[new Map()]], "input[0][0] is a Map, which JSON does not have"],
    [{ "x y": new Set() }, 'input["x y"] is a Set, which JSON does not have'],
    [{ "a/b": { "~": 1n } }, 'input["a/b"]["~"] is a bigint, which JSON does not have'],
    [{ 0: /x/ }, 'input["0"] is a RegExp, which JSON does not have'],
    [new Uint8Array(1), "input is a Uint8Array, which JSON does not have"],
    [new ArrayBuffer(1), "input is an ArrayBuffer, which JSON does not have"],
    [new Error("x"), "input is an Error, which JSON does not have"],
    [Number.NaN, "input is NaN, infinite or -0, which JSON does not have"],
    [[-0], "input[0] is NaN, infinite or -0, which JSON does not have"],
    [[undefined], "input[0] is undefined, which JSON does not have"],
    [cycle, "input.list[0].back is inside itself"],
    [{ save: () => {} }, "input.save is a function: return plain data"],
    [new Order(), "input is an instance of Order: return plain data"],
  ])("is refused with its path: %#", (input, problem) => {
    const error = refusal(input);
    expect(error).toBeInstanceOf(DoError);
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "NOT_JSON",
      retryable: false,
      message: `Cannot send the request: ${problem}`,
    });
  });
});
