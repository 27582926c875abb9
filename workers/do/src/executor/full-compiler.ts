import esbuildWasm from "esbuild-wasm/esbuild.wasm";
import { NO_EGRESS } from "../egress.ts";
import type { CompileFull } from "./compile/compile.ts";
import { FULL_COMPILER_MODULE } from "./guest.generated.ts";

interface FullCompilerStub {
  compile: CompileFull;
}

/** All of TypeScript, in one named isolate: what it is given is only ever parsed, never run. */
export function fullCompiler(loader: WorkerLoader): CompileFull {
  let generation = 0;
  return async (code) => {
    const mine = generation;
    const stub = loader.get(`do:full-compiler:${mine}`, () => ({
      compatibilityDate: "2026-08-01",
      mainModule: "full-compiler.js",
      modules: { "full-compiler.js": FULL_COMPILER_MODULE, "esbuild.wasm": { wasm: esbuildWasm } },
      env: {},
      globalOutbound: NO_EGRESS,
    }));
    try {
      return await (stub.getEntrypoint() as unknown as FullCompilerStub).compile(code);
    } catch {
      // Code can break it (nesting without end is enough), and it stays broken: it has ended its isolate, and the
      // next code gets another.
      if (generation === mine) generation++;
      return { error: "The code is too much for the TypeScript compiler", line: 1, column: 0 };
    }
  };
}
