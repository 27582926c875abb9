import type { CallOptions, FunctionHandle, GatewayFunctions } from "./gateway/functions.ts";
import type { GatewayPackages } from "./gateway/packages.ts";

export type * from "./gateway/functions.ts";
export type * from "./gateway/packages.ts";

/** Code that is saved and called by name. */
export interface GatewayService extends GatewayFunctions, GatewayPackages {
  /** `gateway.function("shop").order(1)` is `gateway.call("shop", "order", [1])`. */
  function(name: string, options?: CallOptions): FunctionHandle;
}
