import { parse, type Program } from "acorn";
import { transform } from "sucrase";
import type { Bundled, BundleRequest } from "../guest/bundle-protocol.ts";
import { positionOf } from "./edits.ts";
import { cleanSource } from "./source.ts";
import { CompileError, NEEDS_FULL } from "./typescript.ts";

/** What the runtime has itself. */
const OF_RUNTIME = /^(?:node|cloudflare):/;

/**
 * One file that imports nothing but what the runtime has, as a module: without the bundler, which takes a second to come
 * up. @returns undefined for what needs the bundler
 */
export function bundleOneFile({ files, mainModule }: BundleRequest): Bundled | undefined {
  const [only] = files;
  if (!only || files.length !== 1 || !/\.[cm]?[jt]s$/.test(mainModule)) return undefined;
  const text = cleanSource(only[1]);
  try {
    return mainModule.endsWith("ts") ? fromTypeScript(text, mainModule) : fromJavaScript(text, mainModule);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return { error: error.message, file: mainModule, ...error.position };
  }
}

function fromTypeScript(text: string, file: string): Bundled | undefined {
  if (NEEDS_FULL.test(text)) return undefined;
  try {
    const options = { transforms: ["typescript" as const], disableESTransforms: true, preserveDynamicImport: true, filePath: file };
    const { code, sourceMap } = transform(text, { ...options, sourceMapOptions: { compiledFilename: "user.js" } });
    return standsAlone(parsed(code)) ? { code, map: JSON.stringify({ ...sourceMap, sources: [file] }), packages: [], wasm: [] } : undefined;
  } catch {
    // The bundler says better what is wrong, and where.
    return undefined;
  }
}

function fromJavaScript(text: string, file: string): Bundled | undefined {
  if (!standsAlone(parsed(text))) return undefined;
  // Each line is where it was.
  const mappings = `AAAA${";AACA".repeat(text.split("\n").length - 1)}`;
  return { code: text, map: JSON.stringify({ version: 3, sources: [file], mappings }), packages: [], wasm: [] };
}

function parsed(text: string): Program {
  try {
    return parse(text, { ecmaVersion: "latest", sourceType: "module" });
  } catch (error) {
    if (error instanceof RangeError) throw new CompileError("The code is nested too deeply", undefined);
    if (error instanceof SyntaxError && "pos" in error && typeof error.pos === "number") {
      throw new CompileError(error.message.replace(/ \(\d+:\d+\)$/, ""), positionOf(text, error.pos));
    }
    throw error;
  }
}

/** Whether all that it imports is there without it. What it imports while it runs is looked for then. */
function standsAlone({ body }: Program): boolean {
  return body.every((node) => {
    const isImport = node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration" || node.type === "ExportNamedDeclaration";
    return !isImport || !node.source || OF_RUNTIME.test(String(node.source.value));
  });
}
