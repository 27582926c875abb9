import type { GatewayEgress } from "./gateway/egress.ts";
import type { CallOptions, FunctionHandle, GatewayFunctions, ObjectOptions } from "./gateway/functions.ts";
import type { GatewayPackages } from "./gateway/packages.ts";
import type { GatewayRoutes } from "./gateway/routes.ts";

export type * from "./gateway/egress.ts";
export type * from "./gateway/functions.ts";
export type * from "./gateway/packages.ts";
export type * from "./gateway/routes.ts";

/** Code that is saved and called by name, where requests come in, and what may leave. */
export interface GatewayService extends GatewayFunctions, GatewayPackages, GatewayRoutes, GatewayEgress {
  /** `gateway.function("shop").order(1)` is `gateway.call("shop", "order", [1])`. */
  function(name: string, options?: CallOptions): FunctionHandle;
  /** `gateway.object("chat", "room-1").say("hi")` is `gateway.callObject("chat", "room-1", "say", ["hi"])`. */
  object(name: string, object: string, options?: ObjectOptions): FunctionHandle;
}
