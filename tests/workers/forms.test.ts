import { describe, expect, it } from "vitest";
import { bindingFor } from "./support.ts";

const DO = bindingFor("internal");
const run = async (code: string, rest: object = {}) => {
  const answer = await DO.execute({ code, ...rest });
  return answer.success ? answer.result : answer;
};

describe("the forms of code", () => {
  it.each([
    ["a body with return", "return 1 + 1", 2],
    ["a body without return: its last expression", "const a = 20;\na * 2 + 2", 42],
    ["a last expression with a trailing comment", "1 + 1 // two", 2],
    ["a lone string, which is also a directive", '"use strict"', "use strict"],
    ["a body with top-level await", "const x = await Promise.resolve(5); return x", 5],
    ["a body with an import", 'import { AsyncLocalStorage } from "node:async_hooks";\nreturn typeof AsyncLocalStorage', "function"],
    ["a body that declares names of the scope", "const db = 1, input = 2; let env = 3; return db + input + env", 6],
    ["a body that redeclares a name of the scope by var", "var input = 7; return input", 7],
    [
      "nested bodies without braces, which the guard must wrap in the right order",
      "const f = [];\nfor (const a of [1, 2]) for (const b of [3]) if (b) f.push(() => () => a + b)\nreturn f.map((g) => g()())",
      [4, 5],
    ],
    ["a last expression in parentheses", "const a = 1;\n({ a })", { a: 1 }],
    ["a last expression in two", "const a = 1;\n((a), (a + 1))", 2],
    ["a body without any value", "const a = 1", undefined],
    ["a module with a function", "export default () => 7", 7],
    ["a module with a function of ctx", "export default ({ input }) => input.n * 2", 8],
    ["a module with helpers and exports", "export const a = 1; function b() { return a + 1 }\nexport default b", 2],
    ["a lone arrow function", "async ({ input }) => input.n", 4],
    ["a lone function expression, in parentheses", "(function ({ input }) { return input.n })", 4],
    ["a fence around a body", "```ts\nconst n: number = 3\nreturn n\n```", 3],
    ["a fence of tildes with text around it", "\n~~~js\nreturn 4\n~~~\n", 4],
    ["a byte order mark and a hashbang", "\uFEFF#!/usr/bin/env doer\nreturn 5", 5],
    ["line ends of Windows", "const a = 1\r\nconst b = 2\r\nreturn a + b", 3],
    ["legal text that a wrapper would break", "return '$& $` })(); // '", "$& $` })(); // "],
  ])("%s", async (_name, code, expected) => {
    expect(await run(code, { input: { n: 4 } })).toEqual(expected);
  });

  it("a Worker: input is its request, its Response is the value", async () => {
    const code = `export default { async fetch(request, env, ctx) {
      ctx.waitUntil(Promise.resolve());
      return Response.json({ method: request.method, path: new URL(request.url).pathname, body: await request.json(), hasDo: !!env.DO }, { status: 201 });
    } }`;
    expect(await run(code, { input: { url: "/users", method: "PUT", body: { a: 1 } } })).toMatchObject({
      status: 201,
      headers: { "content-type": "application/json" },
      body: { method: "PUT", path: "/users", body: { a: 1 }, hasDo: true },
    });
  });

  it("the input keeps its types, and so does the result", async () => {
    const input = { at: new Date(1), m: new Map([[1n, new Set(["x"])]]), bytes: new Uint8Array([1, 2]), gone: undefined, no: Number.NaN };
    expect(await run("return input", { input })).toEqual(input);
  });

  it("cycles and shared objects keep their shape", async () => {
    const result = await run("const a: any = { list: [] }; a.self = a; a.list.push(a, a.list); return a");
    const a = result as { self: unknown; list: unknown[] };
    expect(a.self).toBe(a);
    expect(a.list).toEqual([a, a.list]);
  });

  it("promises inside the result are awaited", async () => {
    expect(await run("return { a: Promise.resolve(1), b: [Promise.resolve({ c: Promise.resolve(2) })] }")).toEqual({ a: 1, b: [{ c: 2 }] });
  });
});

describe("TypeScript is compiled in full", () => {
  it.each([
    ["enums", "enum A { X = 1, Y = 'y' } const enum B { Z = 9 }\nreturn [A.X, A[1], A.Y, B.Z]", [1, "X", "y", 9]],
    ["namespaces", "namespace N { export const a = 1; export namespace M { export const f = () => a + 1 } }\nreturn N.M.f()", 2],
    ["declare namespaces are erased", "declare namespace N { const a: number }\nreturn 1", 1],
    [
      "parameter properties",
      "class P { constructor(private readonly a: number, public b = 2) {} sum() { return this.a + this.b } }\nreturn new P(1).sum()",
      3,
    ],
    [
      "decorators",
      `const seen: string[] = [];
       function log(value: any, c: ClassMethodDecoratorContext) { seen.push(String(c.name)); return function (this: any, ...a: any[]) { return value.apply(this, a) * 2 } }
       class C { @log m(): number { return 21 } }
       return [new C().m(), seen]`,
      [42, ["m"]],
    ],
    [
      "decorators beside return and await",
      "const d = (v: any, c: any) => () => 7;\nclass C { @d m() {} }\nreturn await Promise.resolve(new C().m())",
      7,
    ],
    ["namespaces beside await", "namespace N { export const a = 1 }\nawait Promise.resolve(N.a + 1)", 2],
    [
      "decorators and accessor in a module",
      "const d = (v: any, c: any) => ({ get() { return 5 } });\nclass C { @d accessor x = 1 }\nexport default () => new C().x",
      5,
    ],
    [
      "satisfies, as, non-null and generics",
      "const f = <T,>(x: T): T => x; const o = { a: 1 } satisfies Record<string, number>; return f<number>(o.a!) as unknown as string",
      1,
    ],
    [
      "overloads, abstract classes and index signatures",
      "function f(a: string): void; function f(a: any) { return a }\nabstract class Q { abstract x(): void; [k: string]: unknown }\nreturn f('a')",
      "a",
    ],
    ["type imports are erased", "import type { A } from './nowhere';\nconst a: A = 1; return a", 1],
    ["using", "let log = ''; { using r = { [Symbol.dispose]() { log += 'd' } }; log += 'u' } return log", "ud"],
    ["angle-bracket assertions", "return <number>(1)", 1],
  ])("%s", async (_name, code, expected) => {
    expect(await run(code)).toEqual(expected);
  });

  it("code that breaks the full compiler breaks it for nobody else", async () => {
    const namespace = "namespace N { export const a = 1 }\nreturn N.a";
    const breaking = `@d class C {}\nreturn ${"(".repeat(200_000)}1${")".repeat(200_000)}`;
    expect(await run(namespace)).toBe(1);
    expect(await run(breaking)).toMatchObject({
      outcome: "compile-error",
      error: { message: expect.stringContaining("too much for the TypeScript compiler") },
    });
    expect(await run(namespace.replace("1 }", "2 }"))).toBe(2);
  });

  it("JSX is off", async () => {
    expect(await run("return <div/>")).toMatchObject({ outcome: "compile-error" });
  });

  it("JavaScript is taken as it is", async () => {
    expect(await run("return 1", { language: "js" })).toBe(1);
    expect(await run("const a: number = 1; return a", { language: "js" })).toMatchObject({
      outcome: "compile-error",
      error: { line: 1, column: 8 },
    });
  });
});

describe("an error's line and column are those of the text that was sent", () => {
  it.each([
    ["a throw", "const a = 1;\n  throw new RangeError('boom')", "threw", 2, 9],
    [
      "a throw behind types",
      "const a: Record<string, number> = {};\nfunction f<T extends object>(x: T): void { throw new TypeError('x') }\nf(a)",
      "threw",
      2,
      50,
    ],
    ["a throw behind loops on one line", "for (let i = 0; i < 2; i++) { [1].forEach((x) => x) } null.x", "threw", 1, 60],
    ["a throw in a last expression", "const o: any = null;\no.a.b", "threw", 2, 3],
    ["a throw in a fence", "```ts\n\nthrow new Error('x')\n```", "threw", 3, 7],
    ["a throw in a module", "export default () => {\n  const x: number = 1;\n  throw new Error('x');\n}", "threw", 3, 9],
    ["a throw while the module starts", "const f = (): void => {\n  throw new Error('top');\n};\nf();\nexport default 1", "threw", 2, 9],
    [
      "a throw in code that needs the full compiler",
      "enum A { X }\nnamespace N { export const a: number = 1 }\nfunction f(): void {\n  throw new Error('x');\n}\nf();\nreturn 1",
      "threw",
      4,
      9,
    ],
    ["a syntax error", "const a = 1;\nconst b: number = ;\nreturn a", "compile-error", 2, 19],
    ["a name declared twice", "let a = 1;\nlet a = 2;\nreturn a", "compile-error", 2, 5],
    ["a syntax error that only V8 sees", "const a = 1;\nfoo: while (true) { continue bar }", "compile-error", 2, 21],
    ["a bad regular expression", "const a = 1;\nreturn /(/", "compile-error", 2, 9],
    ["a syntax error in code that needs the full compiler", "namespace N { export const a = 1 }\nconst b: = 2", "compile-error", 2, 10],
    ["closing the wrapper", "})(); return 1; (() => {", "compile-error", 1, 1],
    ["a namespace beside return and await", "namespace N { export const a = 1 }\nawait 1;\nreturn N.a", "compile-error", 1, 11],
    [
      "a throw behind a decorator, beside return and await",
      "const d = (v: any, c: any) => v;\nclass C { @d m(): number { throw new Error('x') } }\nawait 1;\nreturn new C().m()",
      "threw",
      2,
      34,
    ],
    ["a module without a default export", "const a = 1;\nexport const b = 2", "compile-error", 2, 1],
  ])("%s", async (_name, code, outcome, line, column) => {
    expect(await run(code)).toMatchObject({ success: false, outcome, error: { line, column } });
  });

  it("keeps class, message and the code's own frames, and no others", async () => {
    const answer = await run(
      "class MyError extends Error { name = 'MyError' }\nfunction inner() { throw new MyError('mine') }\nfunction outer() { inner() }\nouter()",
    );
    expect(answer).toMatchObject({ error: { code: "THREW", name: "MyError", message: "mine", line: 2, column: 26 } });
    const { stack } = (answer as { error: { stack: string } }).error;
    expect(stack.split("\n").slice(1, 3)).toEqual(["    at inner (user.js:2:26)", "    at outer (user.js:3:20)"]);
    expect(stack).not.toContain("harness");
  });
});
