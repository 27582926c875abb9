import { describe, expect, it } from "vitest";
import { excerpt } from "../../sdk/src/cli/output/excerpt.ts";
import { printable } from "../../sdk/src/cli/output/printable.ts";

describe("printable text", () => {
  it.each([
    ["\x1b[31mred\x1b[0m", "red"],
    ["\x1b[38;2;1;2;3mx\x1b[?25l\x1b[2J\x1b[H", "x"],
    ["\x9b31mred", "red"],
    ["\x1b]0;title\x07a\x1b]8;;http://e(vil)\x1b\\link\x1b]8;;\x1b\\", "alink"],
    ["\x9d0;title\x9ca", "a"],
    ["\x1bP1$r\x1b\\a\x1b_b\x1b\\c\x1b^d\x1b\\e\x1bXf\x1b\\g", "aceg"],
    ["\x1bcreset\x1b(0line\x1b#8", "resetline"],
    ["cut \x1b[31", "cut "],
    ["cut \x1b]0;title\nnext", "cut \nnext"],
    ["nested \x1b\x1b[31m[31mx", "nested [31mx"],
    ["50%\r100%\r\ndone\b\b\x00\x7f", "50%\n100%\ndone"],
    ["a\tb\nc", "a\tb\nc"],
    ["a\u202ecba\u202c\u2066x\u2069", "acbax"],
    ["grüße 👩‍👩‍👧 漢字 עברית", "grüße 👩‍👩‍👧 漢字 עברית"],
  ])("%j is %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
    expect(printable(shown)).toBe(shown);
  });

  it.each(["\x1b[", "\x1b]", "\x1b]0;", "\x1b[1;", "\x9b", "\x1bP", "\x1b", "\x1b(", "\x1b]0;title"])(
    "is made in time in proportion to its size: %j",
    (part) => {
      expect(printable(part.repeat(1_000_000)).length).toBeLessThan(1_000_000);
    },
    5_000,
  );
});

describe("an excerpt of the source", () => {
  it("has a caret under the column", () => {
    expect(excerpt("one\n\tconst a = 漢字(👋é);\nthree", 2, 18)).toBe(`\tconst a = 漢字(👋é);\n\t${" ".repeat(18)}^`);
    expect(excerpt("a\r\nb", 2, 1)).toBe("b\n^");
    expect(excerpt("ab", 1, 3)).toBe("ab\n  ^");
  });

  it("is the part of a long line around the place", () => {
    const [line = "", caret = ""] = excerpt(`${"a".repeat(5_000)}HERE${"b".repeat(5_000)}`, 1, 5_001)?.split("\n") ?? [];
    expect(line.length).toBeLessThan(125);
    expect(line.slice(caret.indexOf("^"))).toMatch(/^HEREb+…$/);
  });

  it("is nothing where there is no line", () => {
    expect(excerpt("a", 2, 1)).toBeUndefined();
    expect(excerpt("a\n\nb", 2, 1)).toBeUndefined();
  });
});
