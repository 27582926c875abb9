import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EncodedAnswer } from "../../sdk/src/index.ts";
import { doer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

/** Programs of others with tests of their own, and what each must answer. */
interface Entry {
  readonly id: string;
  readonly lang: "js";
  readonly code: string;
  readonly expect: unknown;
}

const CORPUS = join(import.meta.dirname, "../../../shared/corpora/humaneval-js.jsonl");
const PROCESSES = 2;
/** Each is two processes: all of them only in the long run. humaneval.test.ts sends all of them over HTTP. */
const STEP = process.env["SOAK"] ? 1 : 4;

let host: TestHost;
let dir: string;
beforeAll(async () => {
  host = await testHost();
  dir = mkdtempSync(join(tmpdir(), "doer-humaneval-"));
});
afterAll(async () => {
  await host.stop();
  rmSync(dir, { recursive: true });
});

// Beside the checkout, not in it.
it.skipIf(!existsSync(CORPUS))("the programs of the corpus give ok and exactly what it must", { timeout: 180_000 }, async () => {
  const entries = readFileSync(CORPUS, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Entry);
  expect(entries).toHaveLength(158);
  const chosen = entries.filter((_, i) => i % STEP === 0);
  const wanted = chosen.map(({ id, expect: result }) => ({ id, code: 0, outcome: "ok", result }));
  expect(await inParallel(chosen, run)).toEqual(wanted);
});

async function run({ id, lang, code }: Entry): Promise<object> {
  const file = join(dir, `${id.replaceAll(/\W/g, "-")}.${lang}`);
  writeFileSync(file, code);
  const finished = await doer(["run", file, "--json"], { env: { DO_URL: host.url, DO_KEY: host.rootKey } });
  const { outcome, result, error } = JSON.parse(finished.stdout) as EncodedAnswer;
  return { id, code: finished.code, outcome, result, ...(error ? { error } : {}) };
}

/** The results in the order of `items`, with so many at work at a time. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [i, item] of queue) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: PROCESSES }, worker));
  return results;
}
