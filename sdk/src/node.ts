/** For programs in Node: code from the disk, to be deployed. */
import type { ModuleFile } from "./gateway.ts";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, extname, join, relative, resolve, sep } from "node:path";

const CODE = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"];
const KINDS = new Set([...CODE, ".json", ".txt", ".html", ".sql", ".md", ".css", ".wasm", ".bin"]);
const MAINS = ["src/index.ts", "index.ts", "src/index.js", "index.js"];
const RELATIVE_IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.{1,2}\/[^"'\n]+)["']/g;

/** Members of what `deploy()` takes. */
export interface FilesFromDisk {
  modules: Record<string, string | ModuleFile>;
  mainModule: string;
}

/**
 * What `deploy()` takes, of a file with those that it imports, or of all code in a folder. A folder's main module is `main`,
 * that of its package.json, or an index of it or of its `src`.
 * @throws Error naming the file that cannot be read, or where a main module was looked for
 */
export async function uploadFrom(path: string, main?: string): Promise<FilesFromDisk> {
  const isFolder = (await stat(path)).isDirectory();
  return isFolder ? fromFolder(path, main) : fromFile(resolve(path));
}

async function fromFolder(folder: string, main: string | undefined): Promise<FilesFromDisk> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = names
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => KINDS.has(extname(path)) && !path.split(sep).some((part) => part.startsWith(".") || part === "node_modules"));
  const modules = Object.fromEntries(
    await Promise.all(paths.map(async (path) => [slashed(path), await fileAt(join(folder, path))] as const)),
  );
  const named = main ?? mainOf(modules["package.json"]);
  const mainModule = named === undefined ? MAINS.find((path) => path in modules) : slashed(named.replace(/^\.\//, ""));
  if (mainModule === undefined) throw new Error(`${folder} has no main module: it was looked for as ${MAINS.join(", ")}`);
  if (!(mainModule in modules)) throw new Error(`${folder} has no file ${mainModule}`);
  return { modules, mainModule };
}

async function fileAt(path: string): Promise<string | ModuleFile> {
  const kind = extname(path);
  if (kind !== ".wasm" && kind !== ".bin") return readFile(path, "utf8");
  const base64 = await readFile(path, "base64");
  return kind === ".wasm" ? { wasm: base64 } : { data: base64 };
}

function mainOf(manifest: string | ModuleFile | undefined): string | undefined {
  if (typeof manifest !== "string") return undefined;
  const { main } = JSON.parse(manifest) as { main?: unknown };
  return typeof main === "string" ? main : undefined;
}

/** The file, and what it imports by paths, and so on; named from the folder that all of them are in. */
async function fromFile(file: string): Promise<FilesFromDisk> {
  const files = new Map<string, string | ModuleFile>();
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (files.has(next)) continue;
    // oxlint-disable-next-line no-await-in-loop -- what it imports is known when it is read
    const text = await fileAt(next);
    files.set(next, text);
    if (typeof text !== "string") continue;
    for (const [, path = ""] of text.matchAll(RELATIVE_IMPORT)) {
      // oxlint-disable-next-line no-await-in-loop -- a few names each
      const found = await existing(resolve(dirname(next), path));
      // One that is not there is reported by the server, with the line of its import.
      if (found !== undefined) open.push(found);
    }
  }
  const root = commonFolder([...files.keys()]);
  const named = (path: string) => slashed(relative(root, path));
  return { modules: Object.fromEntries([...files].map(([path, text]) => [named(path), text])), mainModule: named(file) };
}

async function existing(path: string): Promise<string | undefined> {
  const candidates = [
    path,
    ...CODE.map((extension) => path + extension),
    path.replace(/\.js(x?)$/, ".ts$1"),
    ...CODE.map((e) => join(path, `index${e}`)),
  ];
  const found = await Promise.all(
    candidates.map((candidate) =>
      stat(candidate).then(
        (is) => is.isFile(),
        () => false,
      ),
    ),
  );
  return candidates[found.indexOf(true)];
}

function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0] ?? "");
  while (!paths.every((path) => path.startsWith(common + sep))) common = dirname(common);
  return common;
}

function slashed(path: string): string {
  return path.split(sep).join("/");
}
