import type { Loader, Plugin } from "esbuild-wasm/esm/browser.js";
import type { BundleRequest } from "./bundle-protocol.ts";

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

/** Gives esbuild the files of an upload. There is no disk and no network: an import is one of them, a package's, or the runtime's. */
export function filesPlugin(files: ReadonlyMap<string, string>, packages: BundleRequest["packages"]): Plugin {
  return {
    name: "files",
    setup(builder) {
      builder.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === "entry-point") return { path, namespace: "upload" };
        if (/^(?:node|cloudflare):/.test(path)) return { path, external: true };
        const found = /^\.{0,2}\//.test(path) ? findFile(files, joined(importer, path)) : findPackage(files, packages, path);
        if (found !== undefined) return { path: found, namespace: "upload" };
        return { errors: [{ text: missing(path, packages) }] };
      });
      builder.onLoad({ filter: /.*/ }, ({ path }) => {
        const contents = files.get(path);
        if (contents === undefined) return { errors: [{ text: `There is no file ${path}` }] };
        return { contents, loader: LOADERS.get(path.split(".").at(-1) ?? "") ?? "js", resolveDir: "/" };
      });
    },
  };
}

function missing(path: string, packages: BundleRequest["packages"]): string {
  if (/^\.{0,2}\//.test(path)) return `There is no file "${path}" in the upload`;
  const known = Object.keys(packages);
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

/** `zod`, `@scope/name`, each perhaps with a path behind it. */
function findPackage(files: ReadonlyMap<string, string>, packages: BundleRequest["packages"], specifier: string): string | undefined {
  const [, name, rest = ""] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? [];
  const entrances = name !== undefined && Object.hasOwn(packages, name) ? packages[name] : undefined;
  if (!entrances || name === undefined) return undefined;
  const key = `.${rest}`;
  const entrance = Object.hasOwn(entrances, key) ? entrances[key] : undefined;
  return entrance ?? findFile(files, `node_modules/${name}${rest}`);
}
