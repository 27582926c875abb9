/** What workerd runs: a module of JavaScript for each kind of process, and the full TypeScript compiler as bytes beside. */
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { context, type BuildOptions, type Plugin } from "esbuild";

export const ROOT = join(import.meta.dirname, "../..");

/** Files of a bundle folder, by the names that its modules import them by. */
export const BUNDLE_FILES = {
  front: "front.js",
  executor: "executor.js",
  compiler: "compiler.js",
  home: "home.js",
  store: "store.js",
  compilerBytes: "esbuild.wasm",
} as const;

const ENTRY_POINTS = {
  front: "workers/do/src/index.ts",
  executor: "workers/processes/executor.ts",
  compiler: "workers/processes/compiler.ts",
  home: "workers/processes/home.ts",
  store: "workers/processes/store.ts",
};

const compilerIsBeside: Plugin = {
  name: "compiler-is-beside",
  setup(builder) {
    builder.onResolve({ filter: /^esbuild-wasm\/esbuild\.wasm$/ }, () => ({ path: `./${BUNDLE_FILES.compilerBytes}`, external: true }));
  },
};

interface Entries {
  /** Output names to sources. */
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly conditions: readonly string[];
}

/** One for each kind of process; `do-host` chooses their side of `#seam`. */
const HOST: Entries = { entryPoints: ENTRY_POINTS, conditions: ["do-host"] };
/** All in one, as on Cloudflare. */
const ONE: Entries = { entryPoints: { index: ENTRY_POINTS.front }, conditions: [] };

function options(outDir: string, { entryPoints, conditions }: Entries): BuildOptions {
  return {
    entryPoints: Object.entries(entryPoints).map(([out, file]) => ({ in: join(ROOT, file), out })),
    outdir: outDir,
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: [...conditions, "workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    plugins: [compilerIsBeside],
    // Beside the bundle: inside it, workerd would hold 26 MB for what only a debugger reads.
    sourcemap: "external",
    legalComments: "none",
    logLevel: "silent",
  };
}

/** Bundles once. */
export async function bundle(outDir: string): Promise<void> {
  await bundleEntries(outDir, HOST);
}

/** do as one Worker, `index.js`: for what runs it in one process. */
export async function bundleOne(outDir: string): Promise<void> {
  await bundleEntries(outDir, ONE);
}

async function bundleEntries(outDir: string, entries: Entries): Promise<void> {
  const builder = await prepare(outDir, entries);
  await builder.rebuild();
  await builder.dispose();
}

/** Bundles, and again at each change until it is stopped; `onBuilt` gets the errors of each, none when it is good. */
export async function bundleOnChange(outDir: string, onBuilt: (errors: readonly string[]) => void): Promise<() => Promise<void>> {
  const report: Plugin = {
    name: "report",
    setup(builder) {
      builder.onEnd(({ errors }) =>
        onBuilt(errors.map(({ text, location }) => `${location ? `${location.file}:${location.line}: ` : ""}${text}`)),
      );
    },
  };
  const builder = await prepare(outDir, HOST, report);
  await builder.watch();
  return () => builder.dispose();
}

async function prepare(outDir: string, entries: Entries, ...plugins: Plugin[]) {
  await mkdir(outDir, { recursive: true });
  const wasm = createRequire(import.meta.url).resolve("esbuild-wasm/esbuild.wasm");
  await copyFile(wasm, join(outDir, BUNDLE_FILES.compilerBytes));
  const { plugins: own = [], ...rest } = options(outDir, entries);
  return context({ ...rest, plugins: [...own, ...plugins] });
}
