import { env } from "cloudflare:workers";
import type { QueueService, ScheduleService } from "../../../sdk/src/index.ts";
import type { AuthCapability, DbCapability, GatewayCapability } from "../../../workers/do/src/service-stubs.ts";
import type Do from "../../../workers/do/src/do.ts";
import type { ExecutionsCapability } from "../../../workers/do/src/session.ts";
import { anonymousBinding, bindingFor, newTenant } from "../support.ts";

/** What a binding and a session have in common. */
export interface Surface extends Pick<Do, "whoami" | "execute"> {
  readonly auth: AuthCapability;
  readonly db: DbCapability;
  readonly gateway: GatewayCapability;
  /** Of a session only: for the harness of the tests, `queue` of an entrypoint is its event handler. */
  readonly queue: QueueService;
  readonly schedule: ScheduleService;
  readonly executions: Pick<ExecutionsCapability, "list" | "get" | "cancel">;
}

/** The harness of the tests gives a property of a binding as a promise; here each is what it will be. */
export function surface(target: object): Surface {
  const stub = target as Record<string, unknown>;
  const service = (name: string) =>
    new Proxy(
      {},
      {
        get:
          (_, method) =>
          async (...args: unknown[]) =>
            ((await stub[name]) as Record<string, (...given: unknown[]) => unknown>)[String(method)]?.(...args),
      },
    );
  return {
    auth: service("auth"),
    db: service("db"),
    gateway: service("gateway"),
    queue: service("queue"),
    schedule: service("schedule"),
    executions: service("executions"),
    whoami: () => (target as Surface).whoami(),
    execute: (request: unknown) => (target as Surface).execute(request),
  } as Surface;
}

/** A binding that speaks for a tenant's own administrator. */
export function admin(tenant = newTenant(), tier: "internal" | "tenant" | "public" = "tenant"): Surface & { tenant: string } {
  return { ...surface(bindingFor(tier, tenant)), tenant };
}

/** A session by a credential. */
export async function as(credential: string): Promise<Surface> {
  return surface(await anonymousBinding().authenticate(credential));
}

export function root(): Promise<Surface> {
  return as(env.DO_ROOT_KEY ?? "");
}
