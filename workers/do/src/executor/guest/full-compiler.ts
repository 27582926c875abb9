/**
 * All of TypeScript, by esbuild, in an isolate of its own: 14 MB of WebAssembly that never gives memory back stays out
 * of every other isolate, and is loaded only when code needs it (compile/typescript.ts).
 */
import { abortIsolate, WorkerEntrypoint } from "cloudflare:workers";
import { initialize, transform, type TransformFailure } from "esbuild-wasm/esm/browser.js";
import wasmModule from "esbuild.wasm";

type Compiled = { code: string; map: string } | { error: string; line: number; column: number };

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
        // As TypeScript does by default: decorators as the language has them, fields as the language defines them.
        tsconfigRaw: { compilerOptions: { useDefineForClassFields: true, verbatimModuleSyntax: false } },
      });
      return { code: made.code, map: made.map };
    } catch (error) {
      const [first] = (error as Partial<TransformFailure>).errors ?? [];
      // Not an error of the code: esbuild has died of it, and would fail whoever comes next.
      if (!first?.location) abortIsolate("The compiler died");
      return { error: first.text, line: first.location.line, column: first.location.column };
    }
  }
}
