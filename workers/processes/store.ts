import { WorkerEntrypoint } from "cloudflare:workers";
import type { Database } from "../core-services/db/database.ts";

export { Database } from "../core-services/db/database.ts";

interface Env {
  DATABASE: DurableObjectNamespace<Database>;
}

/**
 * The databases of some of the tenants, in a process of their own: a statement that does not end holds nobody else's.
 * Only the front can call it, and the front has made the tenant's name from a credential.
 */
export default class StoreProcess extends WorkerEntrypoint<Env> {
  /** Answers "alive" when the thread is free. */
  override fetch(): Response {
    return new Response("alive");
  }

  /** Calls a method of the tenant's Database; with a `callId`, once for however often it is sent. */
  call(tenant: string, method: string, args: readonly unknown[], callId: string | undefined): Promise<unknown> {
    const database = this.env.DATABASE.getByName(tenant);
    if (callId !== undefined) return database.recall(callId, method, args) as Promise<unknown>;
    // Which methods there are, the front has checked (core-services/db/calls.ts).
    return (
      (database as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>)[method]?.(...args) ?? Promise.reject()
    );
  }
}
