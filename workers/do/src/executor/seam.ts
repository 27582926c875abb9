import type { LiveUsage } from "../../../../sdk/src/types.ts";
import type { Executor } from "./executor.ts";
import { InProcessExecutor } from "./in-process.ts";

/**
 * One of the two sides of the place where Cloudflare and your own machine differ: here all is in one script. The other
 * is `seam.host.ts`; which of them `#seam` means is a condition of the bundle (package.json `imports`).
 */
let executor: Executor | undefined;

/** What runs isolates. Made once per isolate of do, for it keeps what it compiled. */
export function executorOf(env: Cloudflare.Env): Executor {
  return (executor ??= new InProcessExecutor(env.LOADER, env.FUNCTION_OBJECTS));
}

export { databaseOf } from "../../../core-services/db/tenant.ts";

/** What running executions use now: of code in this process it cannot be told apart. */
export async function liveUsage(_env: Cloudflare.Env, _executionIds: readonly string[]): Promise<ReadonlyMap<string, LiveUsage>> {
  return new Map();
}

/** Whether all that do needs beside code that runs is there. @throws DoError UNAVAILABLE */
export async function checkHost(_env: Cloudflare.Env): Promise<void> {}
