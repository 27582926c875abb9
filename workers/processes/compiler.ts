import { WorkerEntrypoint } from "cloudflare:workers";
import type { CompileFull } from "../do/src/executor/compile/compile.ts";
import type { Bundled, BundleRequest } from "../do/src/executor/guest/bundle-protocol.ts";
import { bundler, fullCompiler } from "../do/src/executor/full-compiler.ts";

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
  compile(lease: string, code: string): ReturnType<CompileFull> {
    return leased(lease, () => fullCompiler(this.env.LOADER)(code));
  }

  bundle(lease: string, request: BundleRequest): Promise<Bundled> {
    return leased(lease, () => bundler(this.env.LOADER)(request));
  }
}

async function leased<T>(lease: string, work: () => Promise<T>): Promise<T> {
  console.log(`began ${lease}`);
  try {
    return await work();
  } finally {
    console.log(`done ${lease}`);
  }
}
