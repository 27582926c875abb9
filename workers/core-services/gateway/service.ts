import type { Implementation } from "../shared/method.ts";
import { functionService, type FunctionsDeps } from "./functions/service.ts";
import type { gatewayDefinition } from "./schema.ts";
import type { GatewayDeps } from "./service/deps.ts";
import { egressService } from "./service/egress.ts";
import { routeService } from "./service/routes.ts";

/** What a principal may call of the gateway, in its own tenant. */
export function gatewayService(functions: FunctionsDeps, traffic: GatewayDeps): Implementation<typeof gatewayDefinition> {
  return {
    ...functionService(functions),
    ...routeService(traffic),
    ...egressService(traffic),
  };
}
