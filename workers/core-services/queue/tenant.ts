import type { Remote } from "../auth/remote.ts";
import type { Queues } from "./queues.ts";

/** A tenant's queues. `tenant` is a principal's, and no argument of anybody's call. */
export function queuesOf(env: Pick<Cloudflare.Env, "QUEUES">, tenant: string): Remote<Queues> {
  return env.QUEUES.getByName(tenant) as unknown as Remote<Queues>;
}
