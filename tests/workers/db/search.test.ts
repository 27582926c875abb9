import { describe, expect, it } from "vitest";
import { inTenant } from "./support.ts";

const BOOKS = `await db.defineCollection("books", { search: { fields: ["title", "about.text", "tags"], fuzzy: true } });
  await Promise.all([
    ["moby", { title: "Moby-Dick; or, The Whale", about: { text: "A captain hunts a white whale over the oceans." }, tags: ["sea", "classic"] }],
    ["sea", { title: "The Old Man and the Sea", about: { text: "An old fisherman and a marlin <b>far</b> out & alone." }, tags: ["sea"] }],
    ["emile", { title: "Émile", about: { text: "On education" }, tags: ["classic"] }],
  ].map(([id, data]) => db.insert("books", data, { id })));`;

const ids = (query: string, options = "{}") =>
  `return (await db.search("books", ${JSON.stringify(query)}, ${options})).hits.map((h) => h.id)`;

describe("search", () => {
  it.each([
    ["whale", ["moby"]],
    ["WHALE captain", ["moby"]],
    ["emile", ["emile"]],
    ["sea", ["moby", "sea"]],
    ['"old man"', ["sea"]],
    ['"man old"', []],
    ["whal*", ["moby"]],
    ["sea -whale", ["sea"]],
    ["whale OR education", ["emile", "moby"]],
    ["moby-dick", ["moby"]],
    ["nothing", []],
  ])("%s", async (query, expected) => {
    const run = inTenant();
    await run(BOOKS);
    expect(((await run(ids(query))) as string[]).toSorted()).toEqual(expected);
  });

  it("finds beginnings, and misspelled words", async () => {
    const run = inTenant();
    await run(BOOKS);
    expect(await run(ids("old fish", "{ prefix: true }"))).toEqual(["sea"]);
    expect(await run(ids("whlae", "{ fuzzy: true }"))).toEqual([]);
    expect(await run(ids("capptain", "{ fuzzy: true }"))).toEqual(["moby"]);
    expect(await run(ids("fishermen", "{ fuzzy: true }"))).toEqual(["sea"]);
  });

  it("orders by rank, filters, cuts into pages, and marks what it found", async () => {
    const run = inTenant();
    await run(BOOKS);
    expect(await run(`return (await db.search("books", "far alone", { highlight: true, fields: ["title"] })).hits`)).toMatchObject([
      {
        id: "sea",
        data: { title: "The Old Man and the Sea" },
        highlights: { "about.text": expect.stringContaining("&lt;b&gt;<mark>far</mark>&lt;/b&gt; out &amp; <mark>alone</mark>") },
      },
    ]);
    expect(
      await run(`return (await db.search("books", "whale", { highlight: { before: "[", after: "]" } })).hits[0].highlights.title`),
    ).toBe("Moby-Dick; or, The [Whale]");
    expect(await run(ids("sea", `{ where: { tags: { has: "classic" } } }`))).toEqual(["moby"]);
    const code = `const seen = []; let cursor; do { const page = await db.search("books", "sea", { limit: 1, cursor }); seen.push(...page.hits.map((h) => h.id)); cursor = page.cursor } while (cursor); return seen.sort()`;
    expect(await run(code)).toEqual(["moby", "sea"]);
  });

  it("is in step with writes, also with those that fail", async () => {
    const run = inTenant();
    await run(BOOKS);
    await run(
      `await db.patch("books", "sea", { title: "Changed" }); await db.delete("books", "moby"); await db.atomic({ mutations: [{ op: "insert", collection: "books", id: "new", data: { title: "whale" } }, { op: "insert", collection: "books", id: "sea", data: {} }] }).catch(() => {})`,
    );
    expect(await run(ids("whale"))).toEqual([]);
    expect(await run(ids("old man"))).toEqual([]);
    expect(await run(ids("changed"))).toEqual(["sea"]);
  });

  it("what is declared later finds what was there before, and what is declared no more is not searched", async () => {
    const run = inTenant();
    await run(`await db.insert("notes", { text: "hello world" }, { id: "x" })`);
    expect(await run(`return db.search("notes", "hello")`)).toMatchObject({ code: "UNSUPPORTED", reason: "NOT_SEARCHED" });
    await run(`await db.defineCollection("notes", { search: { fields: ["text"], tokenizer: "trigram" } })`);
    for (const [query, hits] of [
      ["llo wor", 1],
      ['"llo wor"', 1],
      ['"wor llo"', 0],
      ["wor", 1],
      ["wo", 0],
    ] as const) {
      expect([query, await run(`return (await db.search("notes", input)).hits.length`, query)]).toEqual([query, hits]);
    }
    await run(`await db.defineCollection("notes", {})`);
    expect(await run(`return db.search("notes", "hello")`)).toMatchObject({ code: "UNSUPPORTED" });
  });

  it("a fuzzy search over what is made to be slow ends soon", async () => {
    const run = inTenant();
    await run(`await db.defineCollection("slow", { search: { fields: ["t"], fuzzy: true } });
      const t = Array.from({ length: 9_000 }, (_, n) => "abc" + n.toString(36).padStart(60, "x")).join(" ");
      await Promise.all(Array.from({ length: 10 }, () => db.insert("slow", { t })))`);
    const query = Array.from({ length: 140 }, (_, n) => `abc${n}`).join(" ");
    const startedMs = Date.now();
    expect(Array.isArray(await run(`return (await db.search("slow", input, { fuzzy: true })).hits`, query))).toBe(true);
    expect(Date.now() - startedMs).toBeLessThan(5_000);
  });

  const ODD = [
    '"',
    '""',
    '"""',
    "*",
    "-",
    "- -",
    "AND",
    "OR",
    "NOT",
    "OR OR OR",
    "a OR",
    "NEAR(a b)",
    "title:whale",
    "{title}: x",
    "^whale",
    "+whale",
    "(",
    ")",
    "((((",
    "whale)",
    "'",
    "';--",
    "\\",
    "\0",
    "a\0b",
    "\u{1F40B}",
    "%",
    "_",
    "🐋 OR 🐳",
    "a".repeat(1_000),
    "* ".repeat(400),
    '"a" '.repeat(200),
    "-a -b -c",
    "\uD800",
    "col : x",
    "a AND NOT b",
    "rank MATCH 'x'",
    "\u0301",
    "a*b*c*",
    "- - -whale",
  ];
  it.each(ODD)("%j is safe: it finds or it does not", async (query) => {
    const run = inTenant();
    await run(`await db.defineCollection("b", { search: { fields: ["t"], fuzzy: true } }); await db.insert("b", { t: "some words" })`);
    for (const options of ["{}", "{ prefix: true }", "{ fuzzy: true }", "{ highlight: true }"]) {
      expect(await run(`return Array.isArray((await db.search("b", input, ${options})).hits)`, query)).toBe(true);
    }
  });
});
