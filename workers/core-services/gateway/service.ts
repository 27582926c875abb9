import type { Implementation } from "../shared/method.ts";
import { functionService, type FunctionsDeps } from "./functions/service.ts";
import { packageService, type PackagesDeps } from "./packages/service.ts";
import type { gatewayDefinition } from "./schema.ts";
import type { GatewayDeps } from "./service/deps.ts";
import { egressService } from "./service/egress.ts";
import { routeService } from "./service/routes.ts";

/** What each part of the gateway acts on, for one caller. */
export interface GatewayParts {
  readonly functions: FunctionsDeps;
  readonly packages: PackagesDeps;
  readonly traffic: GatewayDeps;
}

/** What a principal may call of the gateway, in its own tenant. */
export function gatewayService({ functions, packages, traffic }: GatewayParts): Implementation<typeof gatewayDefinition> {
  return {
    ...functionService(functions),
    ...packageService(packages),
    ...routeService(traffic),
    ...egressService(traffic),
  };
}
