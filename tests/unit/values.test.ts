import { describe, expect, it } from "vitest";
import { decodeValue, encodeSettled, encodeValue, MAX_DEPTH } from "../../sdk/src/values.ts";

/** Through JSON, as it travels. */
const through = (value: unknown) => decodeValue(JSON.parse(JSON.stringify(encodeValue(value, "value"))) as ReturnType<typeof encodeValue>);

describe("values", () => {
  it.each([
    ["plain JSON", { a: [1, "x", true, null, { b: {} }], "": [] }],
    ["numbers that JSON has not", [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]],
    ["bigint", [0n, -1n, 2n ** 200n]],
    ["undefined inside", { a: undefined, b: [undefined] }],
    ["dates, also invalid ones", [new Date(0), new Date(Number.NaN)]],
    ["maps of maps", new Map<unknown, unknown>([[{ k: 1 }, new Map([[1n, new Set([new Date(1)])]])]])],
    [
      "bytes of every kind",
      [new Uint8Array([1, 255]), new Float64Array([1.5]), new BigInt64Array([-1n]), new Uint8Array(0), new ArrayBuffer(3)],
    ],
    ["regular expressions and URLs", [/a\/b/giu, new URL("https://example.com/?a=1#b")]],
    ["keys that are pointers' own characters", { "a/b": new Date(0), "~": 1n, "~1": new Set(), "/": undefined }],
  ])("%s come back as they were", (_name, value) => {
    expect(through(value)).toEqual(value);
  });

  it("plain JSON stays plain", () => {
    const value = { a: [1, "x", null], b: { c: true } };
    expect(encodeValue(value, "value")).toEqual({ value, types: {} });
  });

  it("errors keep name and message", () => {
    const error = through(new RangeError("boom")) as Error;
    expect([error.name, error.message]).toEqual(["RangeError", "boom"]);
  });

  it("cycles through every kind of container", () => {
    const map = new Map<string, unknown>();
    const set = new Set<unknown>([map]);
    map.set("self", map).set("set", set).set("list", [map, set]);
    const back = through(map) as Map<string, unknown>;
    expect(back.get("self")).toBe(back);
    expect([...(back.get("set") as Set<unknown>)][0]).toBe(back);
    expect((back.get("list") as unknown[])[1]).toBe(back.get("set"));
  });

  it("the root itself may be undefined, and decodes as it", () => {
    expect(encodeValue(undefined, "value")).toEqual({ value: undefined, types: {} });
  });

  it("depth at the limit passes, one over does not", () => {
    const nest = (depth: number) => {
      let value: unknown = 1;
      for (let i = 0; i < depth; i++) value = [value];
      return value;
    };
    expect(through(nest(MAX_DEPTH))).toEqual(nest(MAX_DEPTH));
    expect(() => encodeValue(nest(MAX_DEPTH + 2), "value")).toThrow("nested deeper than");
  });

  it.each([
    [{ value: "x", types: { "": "bigint" } }],
    [{ value: 1, types: { "": "Map" } }],
    [{ value: [1], types: { "": "Map" } }],
    [{ value: null, types: { "": "ref:/nowhere" } }],
    [{ value: "x", types: { "": "Float64Array" } }],
    [{ value: "AAA=", types: { "": "Int32Array" } }],
    [{ value: "x", types: { "": "constructor" } }],
    [{ value: "x", types: { "": "URL" } }],
    [{ value: ["(", ""], types: { "": "RegExp" } }],
    [{ value: [["a", "b", "c"]], types: { "": "Nonsense" } }],
    [{ value: {}, types: { "/a": "undefined" } }],
    [{ value: {}, types: { "/constructor": "undefined" } }],
    [{ value: [], types: { ["/".repeat(1_000_000)]: "Date" } }],
  ])("types that do not fit are refused: %j", (encoded) => {
    expect(() => decodeValue(encoded as never)).toThrow(TypeError);
  });

  it("a key __proto__ is a key, there and back", () => {
    const value = JSON.parse('{"__proto__": {"x": 1}, "d": 1}') as object;
    const back = through(Object.assign(value, { d: new Date(0) })) as object;
    expect(Object.keys(back)).toEqual(["__proto__", "d"]);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
  });

  it("long keys beside types cost what they are long, and no more", () => {
    const key = "k".repeat(100_000);
    const startedMs = performance.now();
    expect(through({ [key]: Array.from({ length: 3_000 }, () => []), d: new Date(0) })).toMatchObject({ d: new Date(0) });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(() => encodeValue({ [key]: Array.from({ length: 1_000 }, () => -0) }, "input")).toThrow(
      "input has too many typed values under long keys",
    );
  });

  it("promises are waited for only where that is asked", async () => {
    expect(() => encodeValue({ a: [Promise.resolve(1)] }, "input")).toThrow("input.a[0] is a promise");
    expect(await encodeSettled({ a: [Promise.resolve({ b: Promise.resolve(1n) })] }, "result")).toEqual({
      value: { a: [{ b: "1" }] },
      types: { "/a/0/b": "bigint" },
    });
  });
});
