import { UsageError } from "../../exit.ts";
import { readSource } from "../../source.ts";

/** The JSON that a file holds; `-` is standard input. What is wrong with it as rules or routes, the server says. */
export async function jsonFrom(file: string): Promise<unknown> {
  const { name, code } = await readSource(file);
  try {
    return JSON.parse(code) as unknown;
  } catch (error) {
    throw new UsageError(`${name} is not JSON: ${error instanceof Error ? error.message : "it does not parse"}`);
  }
}
