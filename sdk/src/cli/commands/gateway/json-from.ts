import { readFile } from "node:fs/promises";
import { text as readText } from "node:stream/consumers";
import { UsageError } from "../../exit.ts";

/** The JSON that a file holds; `-` is standard input. What is wrong with it as rules or routes, the server says. */
export async function jsonFrom(file: string): Promise<unknown> {
  let text: string;
  try {
    text = file === "-" ? await readText(process.stdin) : await readFile(file, "utf8");
  } catch {
    throw new UsageError(`cannot read ${file}`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new UsageError(`${file} is not JSON`);
  }
}
