import { describe, expect, it } from "vitest";
import { bindingFor } from "../support.ts";

const DO = bindingFor("public");
const run = (code: string, rest: object = {}) => DO.execute({ code, ...rest });

describe("what may be a result", () => {
  it.each([
    ["a function", "return { items: [1, 2, 3, { save() {} }] }", "result.items[3].save is a function"],
    ["a function at the root", "return () => 1", "result is a function"],
    ["a symbol", "return { s: Symbol('x') }", "result.s is a symbol"],
    ["a class instance", "class User { a = 1 }\nreturn [new User()]", "result[0] is an instance of User"],
    ["a stub", "return { db }", "result.db is a function"],
    ["a sparse array", "const a = []; a[4294967294] = 1; return a", "result is a sparse array: index 0 of 4294967295 is empty"],
    ["a sparse array inside", "return { list: [1, , 3] }", "result.list is a sparse array: index 1 of 3 is empty"],
    ["a getter that throws", "return { get a() { throw new Error('no') } }", "result.a cannot be read: no"],
    ["a proxy that throws", "return { p: new Proxy({}, { ownKeys() { throw new Error('no keys') } }) }", "no keys"],
    ["too deep a tree", "let a = {}; for (let i = 0; i < 2000; i++) a = { a }; return a", "nested deeper than 500 levels"],
    ["a key that is no name", "return { 'a b': { '': () => {} } }", 'result["a b"][""] is a function'],
    ["a stream", "return new ReadableStream()", "result is an instance of ReadableStream"],
    ["a function in a Map", "return new Map([['k', () => {}]])", "result[0][1] is a function"],
  ])("%s is refused by its path", async (_name, code, message) => {
    const answer = await run(code);
    expect(answer).toMatchObject({ success: false, outcome: "threw" });
    expect(answer.error?.message).toContain(message);
  });

  it("a rejection inside the result is the code's error", async () => {
    expect(await run("return { a: Promise.reject(new RangeError('inner')) }")).toMatchObject({
      outcome: "threw",
      error: { name: "RangeError", message: "inner" },
    });
  });

  it("names like __proto__ are keys", async () => {
    const { result } = await run('return JSON.parse(\'{"__proto__": {"polluted": 1}, "a": 1}\')');
    expect(Object.keys(result as object)).toEqual(["__proto__", "a"]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it("what the harness was made to send is refused by the host, when it is no value", async () => {
    // The encoder looks objects up in a Map, to find cycles: now each looks like a second sight of one that is not there.
    const code = "Map.prototype.get = () => ({ parent: undefined, key: 'x', depth: 0 }); return { a: 1 }";
    expect(await run(code)).toMatchObject({ outcome: "threw", error: { reason: "BAD_RESULT" } });
  });
});

describe("the size of a result", () => {
  const limit = 256 * 1024;

  it("at the limit passes, one over is result-too-large and says both numbers", async () => {
    const at = await run(`return "x".repeat(${limit - 2})`);
    expect(at).toMatchObject({ outcome: "ok", usage: { resultBytes: limit } });
    const over = await run(`return "x".repeat(${limit - 1})`);
    expect(over).toMatchObject({ success: false, outcome: "result-too-large" });
    expect(over.error?.message).toContain(`resultBytes is ${limit}, got ${limit + 1}`);
  });

  it("is counted in bytes, not in characters", async () => {
    expect(await run(`return "é".repeat(${limit / 2})`)).toMatchObject({ outcome: "result-too-large" });
  });

  it("counts the types that travel beside it", async () => {
    expect(await run("return Array.from({ length: 16000 }, () => 1n)")).toMatchObject({ outcome: "result-too-large" });
  });

  it("holds when the isolate sends more than RPC carries", async () => {
    expect(await run("return 'x'.repeat(40 * 1024 * 1024)")).toMatchObject({ outcome: "result-too-large" });
  });
});
