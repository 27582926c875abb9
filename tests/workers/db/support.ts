import { env } from "cloudflare:workers";
import { dbService } from "../../../workers/core-services/db/service.ts";
import { databaseOf } from "../../../workers/core-services/db/tenant.ts";
import { bindingFor, newTenant } from "../support.ts";

/** Runs code with db in a tenant of its own and answers its value, or the codes of what it threw. */
export function inTenant(tenant = newTenant(), tier: "internal" | "tenant" | "public" = "internal") {
  const DO = bindingFor(tier, tenant);
  return async (code: string, input?: unknown) => {
    const answer = await DO.execute({
      code: `try { return await (async () => { ${code} })() } catch (e) { return { code: e.code, reason: e.reason, message: e.message, details: e.details } }`,
      ...(input === undefined ? {} : { input }),
    });
    if (!answer.success) throw new Error(answer.error?.message);
    return answer.result as never;
  };
}

/** db itself as it is for a principal of a tenant. */
export function dbOf(tenant: string, { id = "admin", kind = "key", scopes = ["*"], now = Date.now } = {}) {
  return dbService(databaseOf(env, tenant), { id, kind, tier: "tenant", scopes }, now);
}
