import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { extname } from "node:path";
import { UsageError } from "./exit.ts";

/** Code to run, and what to call it when it fails. */
export interface Source {
  readonly name: string;
  readonly code: string;
  readonly language: "ts" | "js";
}

const JAVASCRIPT: ReadonlySet<string> = new Set([".js", ".mjs", ".cjs"]);

/** @param file a path, or `-` for standard input */
export async function readSource(file: string): Promise<Source> {
  if (file === "-") return { name: "stdin", code: decode(await buffer(process.stdin), "standard input"), language: "ts" };
  return { name: file, code: decode(await read(file), file), language: JAVASCRIPT.has(extname(file)) ? "js" : "ts" };
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new UsageError(`cannot read ${file}: ${REASONS[code] ?? code}`);
  }
}

const REASONS: Record<string, string> = { ENOENT: "there is no such file", EISDIR: "it is a folder", EACCES: "it may not be read" };

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`cannot read ${name}: it is not UTF-8`);
  }
}
