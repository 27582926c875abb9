import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

interface Entry {
  id: string;
  code: string;
  expect: unknown;
}

const corpus = join(import.meta.dirname, "../../../shared/corpora/humaneval-js.jsonl");
const entries = readFileSync(corpus, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Entry);

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

interface Answer {
  outcome: string;
  result?: unknown;
  error?: { line?: number; name: string };
}

async function run(code: string, language: "js" | "ts"): Promise<Answer> {
  return (await (await host.execute({ code, language })).json()) as Answer;
}

describe("programs that nobody here wrote (HumanEval in JavaScript)", () => {
  it("there are 158", () => expect(entries).toHaveLength(158));

  it.each(entries)("$id", async ({ code, expect: expected }) => {
    expect(await run(code, "js")).toMatchObject({ outcome: "ok", result: expected });
    // JavaScript is TypeScript too.
    expect(await run(code, "ts")).toMatchObject({ outcome: "ok", result: expected });
  });
});

/** One edit by hand in each: what it was, what it is now, and so where it throws. */
const BROKEN: [id: number, was: string, now: string, name: string][] = [
  [0, "if (distance < threshold) {", "if (distanc < threshold) {", "ReferenceError"],
  [1, "current_string.push(c);", "current_string.pusch(c);", "TypeError"],
  [2, "return number % 1.0;", "return number.frac.value;", "TypeError"],
  [3, "balance += op;", "balance += op.amount.cents;", "TypeError"],
  [4, "return prev + Math.abs(item - mean);", "return prev + Math.absolute(item - mean);", "TypeError"],
  [5, "result.pop();", "result.popp();", "TypeError"],
  [6, "max_depth = Math.max(max_depth, depth);", "max_depth = Math.max(max_depth, dept);", "ReferenceError"],
  [8, "return [sum_value, prod_value];", "throw new RangeError('broken'); return [sum_value, prod_value];", "RangeError"],
  [9, "running_max = Math.max(running_max, n);", "running_max = null.max(running_max, n);", "TypeError"],
  [11, "return a.split('').map(", "return a.splitt('').map(", "TypeError"],
];

describe("the same programs, broken by hand", () => {
  it.each(BROKEN)("HumanEval-JavaScript/%i throws where it was broken", async (id, was, now, name) => {
    const entry = entries.find((candidate) => candidate.id === `HumanEval-JavaScript/${id}`);
    const code = entry?.code ?? "";
    const at = code.indexOf(was);
    expect(at).toBeGreaterThan(-1);
    const broken = code.slice(0, at) + now + code.slice(at + was.length);
    const line = code.slice(0, at).split("\n").length;
    for (const language of ["js", "ts"] as const) {
      expect(await run(broken, language)).toMatchObject({ outcome: "threw", error: { name, line } });
    }
  });
});
