import { describe, expect, it } from "vitest";
import { compile } from "../../workers/do/src/executor/compile/compile.ts";
import { Edits, positionOf } from "../../workers/do/src/executor/compile/edits.ts";
import { cleanSource } from "../../workers/do/src/executor/compile/source.ts";

const noFullCompiler = () => Promise.reject(new Error("the full compiler was asked"));
const options = { language: "ts", inScope: ["input", "db"], guard: true } as const;

describe("cleanSource()", () => {
  it.each([
    ["no fence", "a\nb", "a\nb"],
    ["a fence", "```ts\na\n```", "     \na\n   "],
    ["a fence with spaces around it", "\n \n  ```js\na\n  ```  \n\n", "\n \n       \na\n       \n\n"],
    ["a longer fence around a shorter", "````\n```\na\n```\n````", "    \n```\na\n```\n    "],
    ["a fence that is not closed", "```\na", "   \na"],
    ["a template that looks like one", "const a = 1\n```", "const a = 1\n```"],
    ["only a fence", "```", "```"],
    ["an empty fence", "```\n```", "   \n   "],
  ])("%s", (_name, text, expected) => {
    expect(cleanSource(text)).toBe(expected);
  });
});

describe("positions through edits", () => {
  it("each character of the original is found again from where it went", () => {
    const text = "abcde\nghij\nk";
    const edits = new Edits(text);
    edits.wrap({ start: 2, end: 5 }, "<<", ">>");
    edits.wrap({ start: 3, end: 4 }, "[", "]");
    edits.insert(6, "@@@");
    edits.wrap({ start: 6, end: 10 }, "{", "}");
    const edited = edits.apply();
    expect(edited.text).toBe("ab<<c[d]e>>\n@@@{ghij}\nk");
    for (const [offset, char] of text.split("").entries()) {
      if (char === "\n") continue;
      const at = edited.text.indexOf(char);
      expect(edited.originalOf(positionOf(edited.text, at)), char).toEqual(positionOf(text, offset));
    }
  });
});

describe("compile()", () => {
  it("adds no line, and keeps the code's text in one piece", async () => {
    const code = "for (const a of [1]) console.log(a)\nif (db) { while (input) {} }\nreturn () => 1";
    const { text } = await compile(code, options, noFullCompiler);
    expect(text.split("\n")).toHaveLength(code.split("\n").length + 1);
  });

  it("a body's import stands outside its function and shadows what is in scope", async () => {
    const { text } = await compile('import { db } from "node:db";\nreturn db', options, noFullCompiler);
    expect(text).toMatch(/import \{ db \} from "node:db";export default async\(\{input\}\)=>/);
  });

  it("asks the full compiler for what the fast one drops, and not for plain words", async () => {
    for (const code of [
      "namespace N { }",
      "module N { }",
      "export namespace N.M { }",
      "@d class C {}",
      "class C { @d() m() {} }",
      "class C { accessor x = 1 }",
      "namespace/**/N {}",
    ]) {
      await expect(compile(code, options, noFullCompiler), code).rejects.toThrow("the full compiler was asked");
    }
    for (const code of ["const module = 1; return module", "return 'a@b.c'", "const namespaces = 1", "return { module: 1 }.module"]) {
      await expect(compile(code, options, noFullCompiler), code).resolves.toBeDefined();
    }
  });

  it("names that the guard brings are never the code's own", async () => {
    const { text } = await compile("const __do_left = 1, __do_check = 2; for (;;) break; return __do_left", options, noFullCompiler);
    expect(text).toContain("__do_left0");
  });

  it.each([
    ["spaces", " ".repeat(500_000) + "return 1"],
    ["line ends", "\n".repeat(500_000) + "return 1"],
    ["fences", "return 1\n" + "```\n".repeat(100_000)],
    ["a fence and spaces", "```ts\nreturn 1\n```" + " ".repeat(500_000) + "x"],
    ["open brackets", "[".repeat(100_000)],
    ["parentheses", "return " + "(".repeat(50_000) + "1" + ")".repeat(50_000)],
    ["operators", "return 1" + "+1".repeat(100_000)],
    ["the word module", "module ".repeat(50_000)],
    ["at signs", "@ ".repeat(100_000)],
    ["types", "type A = " + "{a:".repeat(20_000) + "1" + "}".repeat(20_000)],
    ["imports", 'import"a";'.repeat(90_000)],
    ["templates", "`${".repeat(20_000)],
  ])("ends soon on a great many %s", async (_name, code) => {
    // CPU time: another program on the machine is no fault of it.
    const before = process.cpuUsage();
    const failure = await compile(code, options, () => Promise.resolve({ error: "x", line: 1, column: 0 })).then(
      () => "SyntaxError",
      (error: unknown) => (error instanceof Error ? error.name : "no Error"),
    );
    expect(failure).toBe("SyntaxError");
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(3_000);
  });
});
