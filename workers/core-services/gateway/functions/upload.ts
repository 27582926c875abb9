import { DoError } from "../../../../sdk/src/errors.ts";
import { byteLength } from "../../shared/hash.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import type { ModuleFile } from "./engine.ts";

/** What code is sent as: one text, or files of which one is the main module. */
export interface SentCode {
  readonly code?: string | undefined;
  readonly language?: "ts" | "js" | undefined;
  readonly modules?: Readonly<Record<string, string | ModuleFile>> | undefined;
  readonly mainModule?: string | undefined;
}

export interface Files {
  readonly files: readonly (readonly [path: string, text: string])[];
  readonly mainModule: string;
  /** What is imported as what it holds; absent where there is none. */
  readonly others?: readonly (readonly [path: string, file: ModuleFile])[];
}

/** A path within the upload: no beginning slash, no `.` or `..`, nothing that a file system or a log could misread. */
const PATH = /^(?!node_modules\/)(?:[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*\/){0,15}[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*$/;
const EXTENSION = /\.(?:[cm]?[jt]s|[jt]sx|json|txt|html|sql|md|css)$/;
const WASM = /\.wasm$/;
const MAX_PATH_CHARACTERS = 200;

/** The files of an upload. @throws DoError INVALID_ARGUMENT, TOO_LARGE naming what is wrong */
export function filesOf({ code, language = "ts", modules, mainModule }: SentCode): Files {
  if ((code === undefined) === (modules === undefined)) throw invalid("it must have code or modules, and not both");
  if (code !== undefined) {
    if (mainModule !== undefined) throw invalid("mainModule is for modules; code is one module by itself");
    checkSize(byteLength(code));
    if (code.trim() === "") throw invalid("the code is empty");
    const path = `index.${language}`;
    return { files: [[path, code]], mainModule: path };
  }
  const files = Object.entries(modules ?? {});
  if (files.length === 0 || files.length > FUNCTION_LIMITS.files) {
    throw invalid(`modules must be 1 to ${FUNCTION_LIMITS.files} files, got ${files.length}`);
  }
  const texts = files.flatMap(([path, file]) => (typeof file === "string" ? [[path, file] as const] : []));
  const others = files.flatMap(([path, file]) => (typeof file === "string" ? [] : [[path, file] as const]));
  for (const [path] of texts) checkPath(path, EXTENSION);
  for (const [path, file] of others) checkPath(path, "wasm" in file ? WASM : undefined);
  checkSize(files.reduce((sum, [, file]) => sum + bytesIn(file), 0));
  const main = mainOf(texts, mainModule);
  return { files: texts, mainModule: main, ...(others.length > 0 ? { others } : {}) };
}

function bytesIn(file: string | ModuleFile): number {
  if (typeof file === "string") return byteLength(file);
  if ("text" in file) return byteLength(file.text);
  return Math.floor((("wasm" in file ? file.wasm : file.data).replace(/=+$/, "").length * 3) / 4);
}

function mainOf(files: readonly (readonly [string, string])[], named: string | undefined): string {
  const paths = files.map(([path]) => path);
  if (named !== undefined) {
    if (!paths.includes(named)) throw invalid(`mainModule is "${named.slice(0, 200)}", and there is no such file among ${listOf(paths)}`);
    return named;
  }
  const [only] = paths;
  if (only !== undefined && paths.length === 1) return only;
  throw invalid(`mainModule must say which of ${listOf(paths)} it is`);
}

/** @param kind the endings that its name may have, for what it is */
function checkPath(path: string, kind: RegExp | undefined): void {
  if (path.length > MAX_PATH_CHARACTERS || !PATH.test(path)) {
    throw invalid(
      `"${path.slice(0, 200)}" is no path for a file: folders and names of letters, digits and _.@+-, without "..", and not in node_modules`,
    );
  }
  if (kind?.test(path) !== false) return;
  throw invalid(
    kind === WASM
      ? `"${path}" holds WebAssembly: its name must end in .wasm`
      : `"${path}" is neither code (ts, tsx, js, jsx, mjs, cjs) nor text (json, txt, html, sql, md, css); what is imported as it is comes as { text }, { data } or { wasm }`,
  );
}

function checkSize(bytes: number): void {
  if (bytes > FUNCTION_LIMITS.uploadBytes) {
    throw new DoError("TOO_LARGE", `Cannot deploy: the code must be at most ${FUNCTION_LIMITS.uploadBytes} bytes, got ${bytes}`);
  }
}

function listOf(paths: readonly string[]): string {
  return paths.slice(0, 10).join(", ") + (paths.length > 10 ? `, and ${paths.length - 10} more` : "");
}

function invalid(problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot deploy: ${problem}`);
}
