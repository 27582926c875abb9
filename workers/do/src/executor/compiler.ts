import { compile, type Compiled, type CompileFull, type CompileOptions } from "./compile/compile.ts";

const MAX_ENTRIES = 256;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** Compiles code and keeps what it made, the least recently used leaving first. */
export class Compiler {
  readonly #kept = new Map<string, Compiled>();
  #characters = 0;

  /** @throws CompileError */
  async compile(code: string, options: CompileOptions, compileFull: CompileFull): Promise<Compiled> {
    const key = `${options.language} ${options.guard} ${options.inScope.join(",")}\n${code}`;
    const kept = this.#kept.get(key);
    if (kept) this.#forget(key, kept);
    const compiled = kept ?? (await compile(code, options, compileFull));
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
