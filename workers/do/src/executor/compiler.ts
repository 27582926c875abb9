import esbuildWasm from "esbuild-wasm/esbuild.wasm";
import { NO_EGRESS } from "../egress.ts";
import { compile, type Compiled, type CompileFull, type CompileOptions } from "./compile/compile.ts";
import { FULL_COMPILER_MODULE } from "./guest.generated.ts";

const MAX_ENTRIES = 256;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** Compiles code and keeps what it made, the least recently used leaving first. */
export class Compiler {
  readonly #compileFull: CompileFull;
  readonly #kept = new Map<string, Compiled>();
  #characters = 0;

  constructor(loader: WorkerLoader) {
    this.#compileFull = fullCompiler(loader);
  }

  /** @throws CompileError */
  async compile(code: string, options: CompileOptions): Promise<Compiled> {
    const key = `${options.language} ${options.guard} ${options.inScope.join(",")}\n${code}`;
    const kept = this.#kept.get(key);
    if (kept) this.#forget(key, kept);
    const compiled = kept ?? (await compile(code, options, this.#compileFull));
    this.#keep(key, compiled);
    return compiled;
  }

  #keep(key: string, compiled: Compiled): void {
    this.#kept.set(key, compiled);
    this.#characters += key.length + compiled.text.length;
    for (const [oldest, value] of this.#kept) {
      if (this.#kept.size <= MAX_ENTRIES && this.#characters <= MAX_CHARACTERS) break;
      this.#forget(oldest, value);
    }
  }

  #forget(key: string, compiled: Compiled): void {
    if (!this.#kept.delete(key)) return;
    this.#characters -= key.length + compiled.text.length;
  }
}

interface FullCompilerStub {
  compile: CompileFull;
}

/** All of TypeScript, in one named isolate: what it is given is only ever parsed, never run. */
function fullCompiler(loader: WorkerLoader): CompileFull {
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
