import { DurableObject } from "cloudflare:workers";
import type { Remote } from "../../auth/remote.ts";

const MAX_REMEMBERED = 10_000;
const remembered = new Set<string>();
let knownId: string | undefined;

/**
 * What all tenants' traffic has in common: the tenants that have had a route, and the id of the deployment. A path
 * `/r/<tenant>/` comes from anybody: without this, each name that somebody makes up would make an object with a file.
 */
export class RoutedTenants extends DurableObject {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID");
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS deployment (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL) STRICT");
  }

  add(tenant: string): void {
    this.ctx.storage.sql.exec("INSERT OR IGNORE INTO tenants VALUES (?)", tenant);
  }

  has(tenant: string): boolean {
    return this.ctx.storage.sql.exec("SELECT 1 FROM tenants WHERE name = ?", tenant).toArray().length > 0;
  }

  /** Made up once. It is public, and so made of no key. */
  deploymentId(): string {
    const made = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
    this.ctx.storage.sql.exec("INSERT OR IGNORE INTO deployment VALUES (1, ?)", made);
    return this.ctx.storage.sql.exec<{ id: string }>("SELECT id FROM deployment").one().id;
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

/** By what this deployment knows requests that it has sent itself. */
export async function deploymentIdOf(env: Cloudflare.Env): Promise<string> {
  return (knownId ??= await routedTenantsOf(env).deploymentId());
}
