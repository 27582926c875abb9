import type { Implementation } from "../shared/method.ts";
import { functionService, type FunctionsDeps } from "./functions/service.ts";
import { packageService, type PackagesDeps } from "./packages/service.ts";
import type { gatewayDefinition } from "./schema.ts";

/** What a principal may call of the gateway, in its own tenant. */
export function gatewayService(functions: FunctionsDeps, packages: PackagesDeps): Implementation<typeof gatewayDefinition> {
  return { ...functionService(functions), ...packageService(packages) };
}
