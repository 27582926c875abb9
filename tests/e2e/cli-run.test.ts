import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EncodedAnswer } from "../../sdk/src/index.ts";
import { doer, type DoerOptions } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let dir: string;
let env: Record<string, string>;

beforeAll(async () => {
  host = await testHost();
  dir = mkdtempSync(join(tmpdir(), "doer-test-"));
  env = { DO_URL: host.url, DO_KEY: host.rootKey };
});
afterAll(async () => {
  await host.stop();
  rmSync(dir, { recursive: true });
});

const evaluate = (code: string, ...args: string[]) => doer(["eval", ...args, "--", code], { env });
const run = (name: string, code: string, args: string[] = [], options: DoerOptions = {}) => {
  writeFileSync(join(dir, name), code);
  return doer(["run", name, ...args], { cwd: dir, ...options, env: { ...env, ...options.env } });
};
const answerOf = (stdout: string) => JSON.parse(stdout) as EncodedAnswer;

describe("a result", () => {
  it("is JSON when it is a JSON value", async () => {
    expect(await evaluate("return { a: [1, 'two', null] }")).toEqual({
      code: 0,
      stdout: '{\n  "a": [\n    1,\n    "two",\n    null\n  ]\n}\n',
      stderr: "",
    });
  });

  it("is the text itself when it is a string", async () => {
    expect(await evaluate("return 'a \"quoted\" text\\nof two lines'")).toEqual({
      code: 0,
      stdout: 'a "quoted" text\nof two lines\n',
      stderr: "",
    });
  });

  it("is nothing when it is undefined, and null when it is null", async () => {
    expect(await evaluate("return undefined")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await evaluate("return null")).toEqual({ code: 0, stdout: "null\n", stderr: "" });
  });

  it("shows types that JSON does not have", async () => {
    const { stdout } = await evaluate("return [new Map([['k', 1n]]), new Date(0), new RangeError('x'), new Uint8Array([1, 2])]");
    expect(stdout).toBe("[ Map(1) { 'k' => 1n }, 1970-01-01T00:00:00.000Z, [RangeError: x], Uint8Array(2) [ 1, 2 ] ]\n");
  });

  it("shows one object in two places twice, and one inside itself as a circle", async () => {
    expect(JSON.parse((await evaluate("const a = { b: 1 }; return [a, a]")).stdout)).toEqual([{ b: 1 }, { b: 1 }]);
    expect((await evaluate("const a = {}; a.a = a; return a")).stdout).toBe("<ref *1> { a: [Circular *1] }\n");
  });

  it("is the whole answer with --json, and nothing else", async () => {
    const { code, stdout, stderr } = await evaluate("console.log('hi'); return { at: new Date(0) }", "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(answerOf(stdout)).toMatchObject({
      id: expect.stringMatching(/^exec_/) as string,
      success: true,
      outcome: "ok",
      result: { at: "1970-01-01T00:00:00.000Z" },
      resultEncoding: { "/at": "Date" },
      logs: [{ level: "log", message: "hi" }],
      usage: { calls: 0 },
    });
  });

  it("takes --json before the command too", async () => {
    expect(answerOf((await doer(["--json", "eval", "1 + 1"], { env })).stdout)).toMatchObject({ outcome: "ok", result: 2 });
  });
});

describe("what is run", () => {
  it("is TypeScript in a .ts file", async () => {
    expect(await run("typed.ts", "const n: number = 2; return n satisfies number")).toMatchObject({ code: 0, stdout: "2\n" });
  });

  it.each(["plain.js", "plain.mjs"])("is JavaScript in %s", async (name) => {
    // A comparison in JavaScript; a call with a type argument in TypeScript.
    expect(await run(name, "const f = 1, a = 0; return f < a > (2)")).toMatchObject({ code: 0, stdout: "false\n" });
    expect(await run(name, "const n: number = 1; return n")).toMatchObject({ code: 1 });
  });

  it("is standard input for -", async () => {
    expect(await doer(["run", "-"], { env, stdin: "const n: number = 40; return n + 2" })).toEqual({ code: 0, stdout: "42\n", stderr: "" });
  });

  it("gets --input", async () => {
    expect(await run("input.ts", "return input.a.b + 1", ["--input", '{"a":{"b":41}}'])).toMatchObject({ code: 0, stdout: "42\n" });
  });

  it("gets the services of --services and no others", async () => {
    const code = "return [typeof db, typeof queue]";
    expect(answerOf((await evaluate(code, "--json", "--services", "db")).stdout).result).toEqual([expect.any(String), "undefined"]);
    expect(answerOf((await evaluate(code, "--json", "--services", "")).stdout).result).toEqual(["undefined", "undefined"]);
  });

  it("may use its services", async () => {
    expect(await run("db.ts", "await db.upsert('notes', 'a', { n: 1 }); return (await db.get('notes', 'a'))?.data")).toMatchObject({
      code: 0,
      stdout: '{\n  "n": 1\n}\n',
    });
  });
});

describe("logs", () => {
  it("go to standard error under their level", async () => {
    const { code, stdout, stderr } = await evaluate("console.log('one\\ntwo'); console.warn('careful'); console.error({ a: 1 }); return 3");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "3\n" });
    expect(stderr).toBe("log   one\n      two\nwarn  careful\nerror { a: 1 }\n");
  });

  it("have colours where colours are wanted, and none where they are not", async () => {
    const colours = await doer(["eval", "console.warn('careful')"], { env: { ...env, FORCE_COLOR: "1" } });
    expect(colours.stderr).toBe("\x1b[33mwarn  \x1b[39mcareful\n");
    const none = await doer(["eval", "console.warn('careful')"], { env: { ...env, NO_COLOR: "1" } });
    expect(none.stderr).toBe("warn  careful\n");
  });

  it("say when they were cut", async () => {
    const { stderr } = await evaluate("console.log('x'.repeat(2_000_000))");
    expect(stderr).toMatch(/\ndoer: the logs were cut at their limit\n$/);
  });
});

describe("code that fails", () => {
  it("shows what it threw and where", async () => {
    expect(await run("orders.ts", "const total: number = 1;\n  throw new RangeError(`boom ${total}`);\n")).toEqual({
      code: 1,
      stdout: "",
      stderr: ["RangeError: boom 1", "  at orders.ts:2:9", "      throw new RangeError(`boom ${total}`);", "            ^", ""].join("\n"),
    });
  });

  it("shows who called", async () => {
    const { stderr } = await run(
      "deep.ts",
      "function inner(): never { throw new TypeError('deep') }\nfunction outer() { inner() }\nouter()",
    );
    expect(stderr).toMatch(/^TypeError: deep\n {2}at deep\.ts:1:33\n.*\n +\^\n {2}at outer \(deep\.ts:2:20\)\n/);
  });

  it("shows a syntax error with its place", async () => {
    expect(await run("broken.ts", "const a = 1;\nconst b = ;\n")).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^SyntaxError: .*\n {2}at broken\.ts:2:11\n {4}const b = ;\n {14}\^\n$/) as string,
    });
  });

  it("calls standard input and eval by their names", async () => {
    expect((await doer(["run", "-"], { env, stdin: "throw new Error('x')" })).stderr).toContain("\n  at stdin:1:7\n");
    expect((await evaluate("throw new Error('x')")).stderr).toContain("\n  at eval:1:7\n");
  });

  it("shows what is thrown and is no error", async () => {
    const { code, stderr } = await evaluate("throw 'only text'");
    expect(code).toBe(1);
    expect(stderr).toContain("only text");
  });

  it("is ended by its limit, which is named", async () => {
    const { code, stdout, stderr } = await evaluate("await new Promise((r) => setTimeout(r, 1e9))", "--timeout", "300");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^timeout: .*300.*\n$/);
  });

  it("is an answer as well with --json", async () => {
    const { code, stdout, stderr } = await evaluate("throw new Error('x')", "--json");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(answerOf(stdout)).toMatchObject({
      success: false,
      outcome: "threw",
      error: { name: "Error", message: "x", line: 1, column: 7 },
    });
  });
});

describe("escape sequences of the code", () => {
  const EVIL = String.raw`"\x1b]0;title\x07a\x1b[2Jb\x9b31mc\x1b[31md\x1bce\rf\x07\x7f\u202eg"`;
  const CLEAN = "abcde\nfg";

  it("do not reach a terminal in a result", async () => {
    expect((await evaluate(`return ${EVIL}`)).stdout).toBe(`${CLEAN}\n`);
    expect((await evaluate(`return new Map([[${EVIL}, ${EVIL}]])`)).stdout).not.toMatch(control);
    expect((await evaluate(`return { [${EVIL}]: ${EVIL} }`)).stdout).not.toMatch(control);
  });

  it("do not reach a terminal in a log or an error", async () => {
    const logged = await evaluate(`console.log(${EVIL})`);
    expect(logged.stderr).toBe(`log   ${CLEAN.replace("\n", "\n      ")}\n`);
    const thrown = await evaluate(`const e = new Error(${EVIL}); e.name = ${EVIL}; throw e`);
    expect(thrown.code).toBe(1);
    expect(thrown.stderr).not.toMatch(control);
    const source = await run("evil.ts", "/* \x1b[2J\u202e */ throw new Error('x')");
    expect(source.stderr).toContain(`\n    /*  */ throw new Error('x')\n    ${" ".repeat("/*  */ throw ".length)}^\n`);
  });

  it("are escaped in JSON", async () => {
    const { stdout } = await evaluate(`console.log(${EVIL}); return ${EVIL}`, "--json");
    expect(stdout).not.toMatch(control);
    expect(answerOf(stdout).result).toBe("\x1b]0;title\x07a\x1b[2Jb\x9b31mc\x1b[31md\x1bce\rf\x07\x7f\u202eg");
  });
});

// oxlint-disable-next-line no-control-regex -- what may not be there
const control = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
