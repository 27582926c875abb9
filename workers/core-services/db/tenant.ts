import type { DurableObject } from "cloudflare:workers";
import type { Database } from "./database.ts";
import type { SqlDatabase } from "./sql-database.ts";

/** An object's methods as they are called from elsewhere. What crosses is plain data, and an error keeps its type. */
export type Remote<T extends DurableObject> = {
  readonly [K in Exclude<keyof T, keyof DurableObject>]: T[K] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** A tenant's two databases: its documents, and its own tables. */
export interface TenantDatabase {
  readonly documents: Remote<Database>;
  readonly tables: Remote<SqlDatabase>;
}

/** The one way to a tenant's data. `tenant` is a principal's, and no argument of anybody's call. */
export function databaseOf(env: Pick<Cloudflare.Env, "DATABASE" | "SQL_DATABASE">, tenant: string): TenantDatabase {
  // Made when it is used: a call needs one of the two. The runtime's own type of a stub does not take data of unknown
  // shape for data.
  return {
    get documents() {
      return env.DATABASE.getByName(tenant) as unknown as Remote<Database>;
    },
    get tables() {
      return env.SQL_DATABASE.getByName(tenant) as unknown as Remote<SqlDatabase>;
    },
  };
}
