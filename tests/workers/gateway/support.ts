import type { gatewayDefinition } from "../../../workers/core-services/gateway/schema.ts";
import type { ServiceStub } from "../../../workers/do/src/service-stubs.ts";
import { bindingFor, newTenant } from "../support.ts";

type Method = (...args: unknown[]) => Promise<unknown>;
/** Over RPC: every name of the handle is a method. */
type Handle = Readonly<Record<string, Method>>;
export type Gateway = ServiceStub<typeof gatewayDefinition> & {
  function(name: string, options?: object): Handle;
  object(name: string, object: string, options?: object): Handle;
};

/** The harness of the tests gives a property of a binding as a promise; here it is what it will be. */
function gatewayOf(binding: object): Gateway {
  const service = async () => (await (binding as { gateway: unknown }).gateway) as Record<string, Method>;
  const handles =
    (kind: string) =>
    (...named: unknown[]) =>
      methods(async (method, args) => {
        const made = (await (await service())[kind]?.(...named)) as Handle | undefined;
        return made?.[method]?.(...args);
      });
  const direct = methods(async (method, args) => (await service())[method]?.(...args));
  return new Proxy(direct, {
    get: (target, name) => (name === "function" || name === "object" ? handles(name) : target[String(name)]),
  }) as unknown as Gateway;
}

function methods(call: (method: string, args: unknown[]) => Promise<unknown>): Handle {
  return new Proxy({}, { get: (_, name) => (name === "then" ? undefined : (...args: unknown[]) => call(String(name), args)) });
}

/** The gateway of a tenant, and what else its principal has. */
export function gatewayFor(tier: "internal" | "tenant" | "public" = "internal", tenant = newTenant()) {
  const binding = bindingFor(tier, tenant);
  return { binding, tenant, gateway: gatewayOf(binding) };
}

/** The code, reason and message that a rejection has, or what came instead. */
export async function refusal(work: Promise<unknown>): Promise<{ code?: string; reason?: string; message?: string; value?: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    const { code, reason, message } = error as { code?: string; reason?: string; message?: string };
    return {
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  }
}
