import type { Executor } from "./executor.ts";
import { InProcessExecutor } from "./in-process.ts";

/**
 * The one place where Cloudflare and your own machine differ: what runs isolates. Made once per isolate of do, for it
 * keeps what it compiled.
 */
let executor: Executor | undefined;

export function executorOf(env: Cloudflare.Env): Executor {
  return (executor ??= new InProcessExecutor(env.LOADER));
}
