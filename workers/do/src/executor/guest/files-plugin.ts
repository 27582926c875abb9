import type { Loader, Plugin } from "esbuild-wasm/esm/browser.js";
import type { BundleRequest, ModuleFile } from "./bundle-protocol.ts";

type Packages = Pick<BundleRequest, "packages" | "imports" | "known">;

const LOADERS: ReadonlyMap<string, Loader> = new Map([
  ["ts", "ts"],
  ["mts", "ts"],
  ["cts", "ts"],
  ["tsx", "tsx"],
  ["js", "js"],
  ["mjs", "js"],
  ["cjs", "js"],
  ["jsx", "jsx"],
  ["json", "json"],
  ["txt", "text"],
  ["html", "text"],
  ["sql", "text"],
  ["md", "text"],
  ["css", "text"],
]);
const EXTENSIONS = ["", ".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", ".jsx", ".json"];

/** What of Node's the runtime has; packages of CommonJS ask for it by these names. */
const OF_NODE = new Set(
  (
    "assert async_hooks buffer console constants crypto diagnostics_channel dns events fs http https module net os path " +
    "perf_hooks process punycode querystring stream string_decoder sys timers tls tty url util v8 vm worker_threads zlib"
  ).split(" "),
);

/** Gives esbuild the files of an upload. There is no disk and no network: an import is one of them, a package's, or the runtime's. */
export function filesPlugin(files: ReadonlyMap<string, string>, others: ReadonlyMap<string, ModuleFile>, packages: Packages): Plugin {
  return {
    name: "files",
    setup(builder) {
      builder.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === "entry-point") return { path, namespace: "upload" };
        const other = findOther(others, importer, path);
        // The runtime makes it a module: code cannot.
        if (other && "wasm" in other.file) return { path: `./${other.path}`, external: true };
        if (other) return { path: other.path, namespace: "other" };
        const ofRuntime = runtimeModule(path);
        const found = ofRuntime === undefined || inPackage(importer) !== undefined ? find(files, packages, importer, path) : undefined;
        if (found !== undefined) return { path: found, namespace: "upload" };
        if (ofRuntime === undefined) return { errors: [{ text: missing(path, packages) }] };
        // There is no `require` at run time; what it would give is there all the same.
        return kind === "require-call" ? { path: ofRuntime, namespace: "node" } : { path: ofRuntime, external: true };
      });
      builder.onLoad({ filter: /.*/, namespace: "node" }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: "js",
      }));
      builder.onLoad({ filter: /.*/, namespace: "other" }, ({ path }) => loaded(others.get(path)));
      builder.onLoad({ filter: /.*/ }, ({ path }) => {
        const contents = files.get(path);
        if (contents === undefined) return { errors: [{ text: `There is no file ${path}` }] };
        return { contents, loader: LOADERS.get(path.split(".").at(-1) ?? "") ?? "js", resolveDir: "/" };
      });
    },
  };
}

function findOther(
  others: ReadonlyMap<string, ModuleFile>,
  importer: string,
  specifier: string,
): { path: string; file: ModuleFile } | undefined {
  if (others.size === 0 || !/^\.{0,2}\//.test(specifier)) return undefined;
  const path = joined(importer, specifier.replace(/\?module$/, ""));
  const file = others.get(path);
  return file && { path, file };
}

function loaded(file: ModuleFile | undefined): { contents: string; loader: Loader } {
  if (file && "text" in file) return { contents: file.text, loader: "text" };
  const base64 = file && "data" in file ? file.data : "";
  return { contents: `export default Uint8Array.fromBase64(${JSON.stringify(base64)}).buffer;`, loader: "js" };
}

function runtimeModule(path: string): string | undefined {
  if (/^(?:node|cloudflare):/.test(path)) return path;
  return OF_NODE.has(path.split("/")[0] ?? "") ? `node:${path}` : undefined;
}

function find(files: ReadonlyMap<string, string>, packages: Packages, importer: string, path: string): string | undefined {
  return /^\.{0,2}(?:\/|$)/.test(path) ? findFile(files, joined(importer, path)) : findPackage(files, packages, importer, path);
}

function missing(path: string, { known }: Packages): string {
  if (/^\.{0,2}\//.test(path)) return `There is no file "${path}" in the upload`;
  return `There is no package "${path}" in the store${known.length > 0 ? `; it has ${known.slice(0, 20).join(", ")}` : ""}`;
}

/** `./b` from `src/a.ts` is `src/b`. What leads out of the upload stays at its root, where it is not found or is a file of it. */
function joined(importer: string, path: string): string {
  const parts = path.startsWith("/") ? [] : importer.split("/").slice(0, -1);
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

function findFile(files: ReadonlyMap<string, string>, path: string): string | undefined {
  const candidates = [
    ...EXTENSIONS.map((extension) => path + extension),
    // TypeScript's own way to name a file by what it becomes.
    ...(/\.[mc]?jsx?$/.test(path) ? [path.replace(/js(x?)$/, "ts$1")] : []),
    ...EXTENSIONS.slice(1).map((extension) => `${path}/index${extension}`),
  ];
  return candidates.find((candidate) => files.has(candidate));
}

/** The id of the package that a file is in. */
export function inPackage(path: string): string | undefined {
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

/** `zod`, `@scope/name`, each perhaps with a path behind it, as who imports it means it; `#internal` of its own package. */
function findPackage(
  files: ReadonlyMap<string, string>,
  { packages, imports }: Packages,
  importer: string,
  specifier: string,
): string | undefined {
  const own = inPackage(importer);
  const [, name, rest = ""] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  if (specifier.startsWith("#")) return own === undefined ? undefined : entrance(files, packages, own, specifier, undefined);
  const itself = own?.startsWith(`${name}@`) ? own : undefined;
  const id = (own === undefined ? undefined : member(packages[own]?.dependencies ?? {}, name)) ?? itself ?? member(imports, name);
  return id === undefined ? undefined : entrance(files, packages, id, `.${rest}`, rest);
}

function entrance(
  files: ReadonlyMap<string, string>,
  packages: Packages["packages"],
  id: string,
  key: string,
  rest: string | undefined,
): string | undefined {
  const named = member(member(packages, id)?.entrances ?? {}, key);
  if (named !== undefined) return `node_modules/${id}/${named}`;
  return rest === undefined ? undefined : findFile(files, `node_modules/${id}${rest}`);
}

function member<T>(of: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}
