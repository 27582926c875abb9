import type { GatewayEgress } from "./gateway/egress.ts";
import type { GatewayRoutes } from "./gateway/routes.ts";

export type * from "./gateway/egress.ts";
export type * from "./gateway/routes.ts";

/** What may leave, and what comes in where. tests/unit/sdk-types.test.ts holds it to the definition of the service. */
export interface GatewayService extends GatewayEgress, GatewayRoutes {}
