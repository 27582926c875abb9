import { WorkerEntrypoint } from "cloudflare:workers";
import { databaseOf } from "../core-services/db/tenant.ts";
import type { Part } from "../do/src/stores/stores.ts";

export { Database } from "../core-services/db/database.ts";
export { SqlDatabase } from "../core-services/db/sql-database.ts";

type Env = Pick<Cloudflare.Env, "DATABASE" | "SQL_DATABASE">;
type Methods = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

/**
 * The databases of some of the tenants, in a process of their own: a statement that does not end holds nobody else's.
 * Only the front can call it, and the front has made the tenant's name from a credential.
 */
export default class StoreProcess extends WorkerEntrypoint<Env> {
  /** Answers "alive" when the thread is free. */
  override fetch(): Response {
    return new Response("alive");
  }

  /** Calls a method of one of the tenant's databases. Which there are, the front knows (core-services/db/calls.ts). */
  call(part: Part, tenant: string, method: string, args: readonly unknown[]): Promise<unknown> {
    const database = databaseOf(this.env, tenant)[part] as unknown as Methods;
    return database[method]?.(...args) ?? Promise.reject(new Error(`There is no method ${method}`));
  }
}
