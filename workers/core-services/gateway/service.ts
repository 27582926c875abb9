import type { Implementation } from "../shared/method.ts";
import { functionService, type FunctionsDeps } from "./functions/service.ts";
import type { gatewayDefinition } from "./schema.ts";

/** What a principal may call of the gateway, in its own tenant. */
export function gatewayService(functions: FunctionsDeps): Implementation<typeof gatewayDefinition> {
  return { ...functionService(functions) };
}
