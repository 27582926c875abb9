import esbuildWasm from "esbuild-wasm/esbuild.wasm";
import { NO_EGRESS } from "../egress.ts";
import type { CompileFull } from "./compile/compile.ts";
import { bundleOneFile } from "./compile/one-file.ts";
import type { Bundled, BundleRequest } from "./guest/bundle-protocol.ts";
import { FULL_COMPILER_MODULE } from "./guest.generated.ts";

interface FullCompilerStub {
  compile: CompileFull;
  bundle: (request: BundleRequest) => Promise<Bundled>;
}

const TOO_MUCH = "The code is too much for the TypeScript compiler";
/** Of the isolate that all compile in, by loader: each has its own. */
const generations = new WeakMap<WorkerLoader, { current: number }>();

/** All of TypeScript, in one named isolate: what it is given is only ever parsed, never run. */
export function fullCompiler(loader: WorkerLoader): CompileFull {
  return (code) => inCompiler(loader, (stub) => stub.compile(code), { error: TOO_MUCH, line: 1, column: 0 });
}

/** Several files as one module, in the same isolate; what one file alone is needs none. */
export function bundler(loader: WorkerLoader): (request: BundleRequest) => Promise<Bundled> {
  return async (request) => bundleOneFile(request) ?? inCompiler(loader, (stub) => stub.bundle(request), { error: TOO_MUCH });
}

async function inCompiler<T>(loader: WorkerLoader, ask: (stub: FullCompilerStub) => Promise<T>, whenBroken: T): Promise<T> {
  const generation = generations.get(loader) ?? { current: 0 };
  generations.set(loader, generation);
  const mine = generation.current;
  const stub = loader.get(`do:full-compiler:${mine}`, () => ({
    compatibilityDate: "2026-08-01",
    mainModule: "full-compiler.js",
    modules: { "full-compiler.js": FULL_COMPILER_MODULE, "esbuild.wasm": { wasm: esbuildWasm } },
    env: {},
    globalOutbound: NO_EGRESS,
  }));
  try {
    return await ask(stub.getEntrypoint() as unknown as FullCompilerStub);
  } catch {
    // Code can break it (nesting without end is enough), and it stays broken: it has ended its isolate, and the
    // next code gets another.
    if (generation.current === mine) generation.current++;
    return whenBroken;
  }
}
