import { WorkerEntrypoint } from "cloudflare:workers";
import type { CompileFull } from "../do/src/executor/compile/compile.ts";
import { fullCompiler } from "../do/src/executor/full-compiler.ts";

interface Env {
  LOADER: WorkerLoader;
}

/** The compiler for all of TypeScript, in a process of its own: it is large, and code can be too much for it. */
export default class CompilerProcess extends WorkerEntrypoint<Env> {
  override fetch(): Response {
    return new Response("alive");
  }

  /** The same for the front: a call that changes nothing. */
  alive(): void {}

  /** `lease` is the supervisor's name for the call: written to the output, it says that it has begun, and is over. */
  async compile(lease: string, code: string): ReturnType<CompileFull> {
    console.log(`began ${lease}`);
    try {
      return await compilerOf(this.env.LOADER)(code);
    } finally {
      console.log(`done ${lease}`);
    }
  }
}

let compiler: CompileFull | undefined;

function compilerOf(loader: WorkerLoader): CompileFull {
  return (compiler ??= fullCompiler(loader));
}
