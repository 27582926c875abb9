/**
 * All of TypeScript, by esbuild, in an isolate of its own: 14 MB of WebAssembly that never gives memory back stays out
 * of every other isolate, and is loaded only when code needs it (compile/typescript.ts, and what is saved).
 */
import { abortIsolate, WorkerEntrypoint } from "cloudflare:workers";
import { build, initialize, transform, type Message, type Metafile, type TransformFailure } from "esbuild-wasm/esm/browser.js";
import wasmModule from "esbuild.wasm";
import type { Bundled, BundleRequest } from "./bundle-protocol.ts";
import { filesPlugin, inPackage } from "./files-plugin.ts";

type Compiled = { code: string; map: string } | { error: string; line: number; column: number };

/** As TypeScript does by default: decorators as the language has them, fields as the language defines them. */
const TSCONFIG = { compilerOptions: { useDefineForClassFields: true, verbatimModuleSyntax: false } };

let ready: Promise<void> | undefined;

export default class FullCompiler extends WorkerEntrypoint {
  async compile(code: string): Promise<Compiled> {
    await (ready ??= initialize({ wasmModule, worker: false }));
    try {
      const made = await transform(code, {
        loader: "ts",
        target: "es2024",
        sourcemap: "external",
        sourcefile: "user.ts",
        logLevel: "silent",
        tsconfigRaw: TSCONFIG,
      });
      return { code: made.code, map: made.map };
    } catch (error) {
      const [first] = (error as Partial<TransformFailure>).errors ?? [];
      // Not an error of the code: esbuild has died of it, and would fail whoever comes next.
      if (!first?.location) abortIsolate("The compiler died");
      return { error: first.text, line: first.location.line, column: first.location.column };
    }
  }

  /** Several files as one module. What they import is among them, or is the runtime's. */
  async bundle({ files, mainModule, others = [], ...packages }: BundleRequest): Promise<Bundled> {
    await (ready ??= initialize({ wasmModule, worker: false }));
    try {
      const made = await build({
        entryPoints: [mainModule],
        bundle: true,
        write: false,
        outfile: "user.js",
        format: "esm",
        target: "es2024",
        platform: "neutral",
        sourcemap: "external",
        metafile: true,
        sourcesContent: false,
        legalComments: "none",
        define: { "process.env.NODE_ENV": '"production"' },
        logLevel: "silent",
        tsconfigRaw: TSCONFIG,
        plugins: [filesPlugin(new Map(files), new Map(others), packages)],
      });
      const text = (suffix: string) => made.outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
      return { code: text("user.js"), map: text("user.js.map"), packages: packagesOf(made.metafile), wasm: wasmOf(made.metafile) };
    } catch (error) {
      const [first] = (error as { errors?: Message[] }).errors ?? [];
      if (!first) abortIsolate("The compiler died");
      const { location, text } = first;
      return {
        error: text,
        ...(location ? { file: location.file.replace(/^upload:/, ""), line: location.line, column: location.column + 1 } : {}),
      };
    }
  }
}

function packagesOf({ outputs }: Metafile): string[] {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const bundled = inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [inPackage(path.replace(/^upload:/, ""))] : []));
  return [...new Set(bundled)].filter((id) => id !== undefined).toSorted();
}

function wasmOf({ outputs }: Metafile): string[] {
  const imports = Object.values(outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return [...new Set(imports)].filter((path) => path.endsWith(".wasm")).map((path) => path.replace(/^\.\//, ""));
}
