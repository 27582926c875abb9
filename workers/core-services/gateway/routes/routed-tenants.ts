import { DurableObject } from "cloudflare:workers";
import type { Remote } from "../../auth/remote.ts";

const MAX_REMEMBERED = 10_000;
const remembered = new Set<string>();

/**
 * The tenants that have had a route. A path `/r/<tenant>/` comes from anybody: without this, each name that somebody makes up
 * would make an object with a file.
 */
export class RoutedTenants extends DurableObject {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID");
  }

  add(tenant: string): void {
    this.ctx.storage.sql.exec("INSERT OR IGNORE INTO tenants VALUES (?)", tenant);
  }

  has(tenant: string): boolean {
    return this.ctx.storage.sql.exec("SELECT 1 FROM tenants WHERE name = ?", tenant).toArray().length > 0;
  }
}

export function routedTenantsOf(env: Cloudflare.Env): Remote<RoutedTenants> {
  return env.ROUTED_TENANTS.getByName("routed-tenants");
}

/** Whether a tenant of that name has had a route. That it has never changes, so that it may be remembered anywhere. */
export async function isRouted(env: Cloudflare.Env, tenant: string): Promise<boolean> {
  if (remembered.has(tenant)) return true;
  if (!(await routedTenantsOf(env).has(tenant))) return false;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.add(tenant);
  return true;
}
