/** The Worker as workerd runs it: one module of JavaScript, and the full TypeScript compiler as bytes beside it. */
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { context, type BuildOptions, type Plugin } from "esbuild";

export const ROOT = join(import.meta.dirname, "../..");

/** Files of a bundle folder, by the names that its modules import them by. */
export const BUNDLE_FILES = { main: "index.js", compiler: "esbuild.wasm" } as const;

const compilerIsBeside: Plugin = {
  name: "compiler-is-beside",
  setup(builder) {
    builder.onResolve({ filter: /^esbuild-wasm\/esbuild\.wasm$/ }, () => ({ path: `./${BUNDLE_FILES.compiler}`, external: true }));
  },
};

function options(outDir: string): BuildOptions {
  return {
    entryPoints: [join(ROOT, "workers/do/src/index.ts")],
    outfile: join(outDir, BUNDLE_FILES.main),
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
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
  const builder = await prepare(outDir);
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
  const builder = await prepare(outDir, report);
  await builder.watch();
  return () => builder.dispose();
}

async function prepare(outDir: string, ...plugins: Plugin[]) {
  await mkdir(outDir, { recursive: true });
  const wasm = createRequire(import.meta.url).resolve("esbuild-wasm/esbuild.wasm");
  await copyFile(wasm, join(outDir, BUNDLE_FILES.compiler));
  const { plugins: own = [], ...rest } = options(outDir);
  return context({ ...rest, plugins: [...own, ...plugins] });
}
