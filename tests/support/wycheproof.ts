import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

/** Workers have no files: the vectors are handed to them. */
export default function setup(project: TestProject): void {
  const file = join(import.meta.dirname, "../../../shared/corpora/wycheproof-jws.jsonl");
  const lines = readFileSync(file, "utf8").trim().split("\n");
  project.provide(
    "wycheproof",
    lines.map((line) => JSON.parse(line) as unknown),
  );
}
