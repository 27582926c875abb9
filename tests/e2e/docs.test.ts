import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../host/src/bundle.ts";
import { SERVICES, type Limits } from "../../sdk/src/types.ts";
import { policy } from "../../workers/do/src/policy.ts";
import { DOER, NODE } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

const DOCUMENTS = ["README.md", "CLAUDE.md", "examples/README.md", ...markdownIn("docs")];

/** How a fence is run (see CLAUDE.md), what it holds, and what must come. */
interface Example {
  readonly name: string;
  readonly how: string;
  readonly input: unknown;
  readonly text: string;
  readonly expected: Fence | undefined;
}

interface Fence {
  readonly line: number;
  readonly info: string;
  readonly text: string;
}

const RUNS = new Set(["ts run", "ts sdk", "sh curl", "sh doer"]);
const EXPECTS = new Set(["json result", "json answer", "text output"]);
const NOT_RUN = new Set(["sh", "text"]);

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function fencesOf(markdown: string): Fence[] {
  return [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: info = "", 2: text = "" }) => ({
    line: markdown.slice(0, index).split("\n").length,
    info,
    text,
  }));
}

function examplesOf(document: string): Example[] {
  const fences = fencesOf(read(document));
  return fences.flatMap(({ line, info, text }, i) => {
    const [, how = info, input] = /^(.*?)(?: input=(.*))?$/.exec(info) ?? [];
    if (!RUNS.has(how)) return [];
    const next = fences[i + 1];
    const expected = next && EXPECTS.has(next.info) ? next : undefined;
    return { name: `${document}:${line}`, how, input: input === undefined ? undefined : (JSON.parse(input) as unknown), text, expected };
  });
}

let host: TestHost;
let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  host = await testHost();
  // In the package, so that `import ... from "do"` finds it.
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  folder = mkdtempSync(join(ROOT, ".cache/docs-"));
  mkdirSync(join(folder, ".do"));
  writeFileSync(join(folder, ".do/root.key"), `${host.rootKey}\n`);
  env = { PATH: process.env["PATH"], HOME: process.env["HOME"], DO_URL: host.url, DO_KEY: host.rootKey };
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

/** Standard output of a program that must exit 0. */
function outputOf(file: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { env, cwd }, (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message}\n${stdout}${stderr}`)) : resolve(stdout),
    );
  });
}

interface Answer {
  success: boolean;
  result?: unknown;
  error?: unknown;
}

async function execute(code: string, input?: unknown): Promise<Answer> {
  return (await (await host.execute({ code, ...(input === undefined ? {} : { input }) })).json()) as Answer;
}

async function runExample({ how, text, input }: Example): Promise<string> {
  switch (how) {
    case "ts run":
      return JSON.stringify(await execute(text, input));
    case "sh curl":
      return outputOf("bash", ["-euc", text.replaceAll("http://127.0.0.1:8787", host.url)], folder);
    case "sh doer":
      return outputOf("bash", ["-euc", text.replaceAll(/^pnpm doer\b/gm, `"${NODE}" "${DOER}"`)], ROOT);
    default: {
      const file = join(folder, "example.ts");
      writeFileSync(file, text);
      return outputOf(NODE, [file], folder);
    }
  }
}

/** The same text for each run: ids and measured times are those of the run. */
function withoutTimes(text: string): string {
  return text
    .replaceAll(/\b(exec|req)_[0-9A-Z]{26}\b/g, "$1_...")
    .replaceAll(/"(queueMs|compileMs|wallMs|cpuMs|memoryMb|atMs|durationMs)":\s*[\d.]+/g, '"$1":0');
}

/** What came and what should have come, in the form in which the example says it. */
async function compared(example: Example): Promise<{ came: unknown; wanted: unknown }> {
  const output = await runExample(example);
  const { how, expected } = example;
  if (!expected) return { came: how === "ts run" ? (JSON.parse(output) as Answer).success : true, wanted: true };
  if (expected.info === "text output") return { came: withoutTimes(output).trimEnd(), wanted: withoutTimes(expected.text).trimEnd() };
  const wanted = JSON.parse(withoutTimes(expected.text)) as unknown;
  const came = JSON.parse(withoutTimes(output)) as { result: unknown };
  return { came: expected.info === "json result" ? came.result : within(came, wanted), wanted };
}

/** Of `came`, the members that `wanted` has, also in its `error`: an answer has more than an example shows. */
function within(came: unknown, wanted: unknown, levels = 2): unknown {
  if (levels === 0 || !isRecord(came) || !isRecord(wanted)) return came;
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, within(came[key], wanted[key], key === "error" ? 1 : 0)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isRun = (info: string) => RUNS.has(howOf(info));
const howOf = (info: string) => info.replace(/ input=.*$/, "");

describe.each(DOCUMENTS)("%s", (document) => {
  const markdown = read(document);

  it("has no fence that is neither run, nor expected, nor plain", () => {
    const fences = fencesOf(markdown);
    expect(fences.filter(({ info }) => !isRun(info) && !EXPECTS.has(info) && !NOT_RUN.has(info))).toEqual([]);
    expect(fences.filter(({ info }, i) => EXPECTS.has(info) && !isRun(fences[i - 1]?.info ?? ""))).toEqual([]);
    expect(markdown.match(/^\s*(?:```|~~~)/gm) ?? []).toHaveLength(2 * fences.length);
  });

  it("links to what there is", () => {
    const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, "");
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target).filter((target) => !/^[a-z]+:/.test(target));
    expect(targets.filter((target) => !isThere(document, target))).toEqual([]);
  });

  it("names tests that there are", () => {
    expect(testsNamedIn(document).filter(({ path, name }) => !read(path).includes(`"${name}"`))).toEqual([]);
  });
});

it("the threat model names tests, and README.md runs every kind of example", () => {
  expect(testsNamedIn("docs/threat-model.md").length).toBeGreaterThan(25);
  expect(new Set(examplesOf("README.md").map(({ how }) => how))).toEqual(RUNS);
});

it.each(DOCUMENTS.flatMap(examplesOf).map((example) => [example.name, example] as const))("%s", async (_name, example) => {
  const { came, wanted } = await compared(example);
  expect(came).toEqual(wanted);
});

/** Whether a relative link leads to a file, and its anchor to a heading. */
function isThere(document: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? join(ROOT, document) : join(ROOT, dirname(document), path);
  return existsSync(file) && (anchor === undefined || anchorsOf(readFileSync(file, "utf8")).includes(anchor));
}

/** `[file](path) "name", "name"` */
function testsNamedIn(document: string): { path: string; name: string }[] {
  return [...read(document).matchAll(/\]\(([^)\s]+\.test\.ts)\) ((?:"[^"]+"(?:, )?)+)/g)].flatMap(([, path = "", names = ""]) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ path: join(dirname(document), path), name })),
  );
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Each program of examples/: what it is given, and what it returns. */
const PROGRAMS: Record<string, readonly (readonly [input: unknown, result: unknown])[]> = {
  "hello.ts": [[{ name: "Ada" }, "Hello, Ada!"]],
  "orders.ts": [[undefined, { orders: 3, centsByCustomer: { ada: 5_550, grace: 990 } }]],
  "guestbook.ts": [
    [{ name: "Ada" }, { name: "Ada", visits: 1, guests: 1 }],
    [{ name: "Ada" }, { name: "Ada", visits: 2, guests: 1 }],
    [{ name: "Grace" }, { name: "Grace", visits: 1, guests: 2 }],
  ],
  "worker.ts": [
    [
      { url: "/notes/first", method: "PUT", body: { text: "hello" } },
      { status: 201, body: { id: "first", version: 1 } },
    ],
    [{ url: "/notes/first" }, { status: 200, body: { text: "hello" } }],
    [{ url: "/notes/second" }, { status: 404, body: "There is no such note" }],
    [
      { url: "/notes/first", method: "DELETE" },
      { status: 405, body: "The method must be GET or PUT" },
    ],
    [{ url: "/elsewhere" }, { status: 404, body: "There are only /notes/:id" }],
  ],
  "report.ts": [
    [
      [
        { kind: "tea", cents: 350 },
        { kind: "cake", cents: 420 },
        { kind: "tea", cents: 300 },
      ],
      [
        ["tea", { total: "6.50 EUR", size: "large" }],
        ["cake", { total: "4.20 EUR", size: "small" }],
      ],
    ],
  ],
};

/** Each program that uses the SDK, and what it prints. */
const CLIENTS: Record<string, string> = {
  "client.ts": "ok Map(3) { 1 => 1, 2 => 4, 3 => 9 }\n",
  "sdk.ts": [
    "tenant root, tier internal",
    "the sky is blue",
    "{ since: 1970-01-01T00:00:00.000Z, ids: Set(1) { 1n } }",
    "threw at 2:5: Cannot read properties of undefined (reading 'c')",
    "LIMIT_EXCEEDED TIMEOUT_TOO_LONG",
    "cancelled",
    "cancelled, threw, ok",
    "",
  ].join("\n"),
};

describe("examples/", () => {
  it("has no program that is not run here", () => {
    const programs = readdirSync(join(ROOT, "examples")).filter((name) => name !== "README.md");
    expect(programs.toSorted()).toEqual([...Object.keys(PROGRAMS), ...Object.keys(CLIENTS)].toSorted());
  });

  it.each(Object.entries(PROGRAMS))("%s", async (name, runs) => {
    for (const [input, wanted] of runs) {
      const { error, result } = await execute(read(join("examples", name)), input);
      expect({ error, result: within(result, wanted) }).toEqual({ error: undefined, result: wanted });
    }
  });

  it.each(Object.entries(CLIENTS))("%s", async (name, wanted) => {
    expect(await outputOf(NODE, [join(ROOT, "examples", name)], folder)).toBe(wanted);
  });
});

/** Cells of each row of the tables of a document. */
function rowsOf(document: string): string[][] {
  return [...read(document).matchAll(/^\| ?(.*?) ?\|$/gm)].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));
}

const TIERS = ["internal", "tenant", "public"].map((tier) => policy({ kind: "key", id: "k", tenant: "t", tier }));

const number = (n: number | null) => (n === null ? "unlimited" : n.toLocaleString("en-US"));
const services = (names: readonly string[]) => (names.length === SERVICES.length ? "all eight" : names.join(", "));

it("the tiers of README.md are those of the policy", () => {
  const names = Object.keys(TIERS[0]?.limits ?? {}) as (keyof Limits)[];
  const expected = [
    ["", ...TIERS.map(({ tier }) => tier)],
    ["services for code", ...TIERS.map((tier) => services(tier.services))],
    ["wallMs, default", ...TIERS.map((tier) => number(tier.limits.wallMs))],
    ["wallMs, most", ...TIERS.map(({ wallMsMost }) => number(wallMsMost))],
    ...names.filter((name) => name !== "wallMs").map((name) => [name, ...TIERS.map((tier) => number(tier.limits[name]))]),
    ["concurrent", ...TIERS.map(({ concurrent }) => number(concurrent))],
    ["perMinute", ...TIERS.map(({ perMinute }) => number(perMinute))],
  ];
  const isOfTiers = ([name]: string[]) => expected.some(([known]) => known === name);
  const shown = rowsOf("README.md").filter((row) => row.length === 4 && isOfTiers(row));
  expect(shown).toEqual(expected);
});

describe("docs/limits.md", () => {
  // | what | number | `NAME` in [file](path) | ...
  const rows = rowsOf("docs/limits.md").flatMap(([what = "", shown = "", from = ""]) => {
    const [, name, path] = /^`([\w.]+)` in \[[^\]]+\]\(([^)]+)\)$/.exec(from) ?? [];
    return name === undefined || path === undefined ? [] : [{ what, shown, name, file: relative(ROOT, join(ROOT, "docs", path)) }];
  });

  it.each(rows.map((row) => [row.name, row] as const))("%s is what the source says", (_name, { name, shown, file }) => {
    expect(shown).toBe(constantsOf(file).get(name)?.toLocaleString("en-US"));
  });

  it("names every constant of the sources that it names", () => {
    const files = [...new Set(rows.map(({ file }) => file))];
    expect(files.length).toBeGreaterThan(5);
    const missing = files.flatMap((file) =>
      [...constantsOf(file).keys()]
        .filter((name) => !rows.some((row) => row.file === file && row.name === name))
        .map((name) => `${name} in ${file}`),
    );
    expect(missing).toEqual([]);
  });
});

it("docs/values.md names every type that is decoded", () => {
  const source = read("sdk/src/values/shared.ts") + read("sdk/src/values/decode.ts");
  const [, views = ""] = /const BYTES = \{([^}]*)\}/.exec(source) ?? [];
  const types = [...source.matchAll(/case "([A-Z]\w+|bigint|undefined|number)":/g), ...views.matchAll(/(\w+),/g)].map(
    ([, name = ""]) => name,
  );
  expect(types.length).toBeGreaterThan(15);
  expect(types.filter((type) => !read("docs/values.md").includes(`\`${type}\``))).toEqual([]);
});

/** The numbers that a source declares: `const NAME = 4 * 1024`, and members of `const NAME = { one: 1 }`. */
function constantsOf(file: string): Map<string, number> {
  const source = read(file);
  const found = new Map<string, number>();
  const add = (name: string, expression: string) => {
    if (/^[\d_ *]+$/.test(expression)) found.set(name, product(expression));
  };
  for (const [, name = "", value = ""] of source.matchAll(/^(?:export )?const ([A-Z][A-Z\d_]+) = ([^;]+);/gm)) {
    if (!value.startsWith("{")) add(name, value);
    else for (const [, member = "", expression = ""] of value.matchAll(/(\w+): ([\d_ *]+)/g)) add(`${name}.${member}`, expression);
  }
  return found;
}

function product(expression: string): number {
  return expression
    .split("*")
    .map((factor) => Number(factor.replaceAll("_", "").trim()))
    .reduce((a, b) => a * b, 1);
}
