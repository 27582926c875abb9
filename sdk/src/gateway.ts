import type { CallOptions, FunctionHandle, GatewayFunctions } from "./gateway/functions.ts";

export type * from "./gateway/functions.ts";

/** Code that is saved and called by name. */
export interface GatewayService extends GatewayFunctions {
  /** `gateway.function("shop").order(1)` is `gateway.call("shop", "order", [1])`. */
  function(name: string, options?: CallOptions): FunctionHandle;
}
