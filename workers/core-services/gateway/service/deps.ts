import type { Remote } from "../../auth/remote.ts";
import type { Traffic } from "../traffic.ts";

/** What the gateway needs to serve one caller. */
export interface GatewayDeps {
  readonly traffic: Remote<Traffic>;
  readonly caller: { readonly id: string; readonly isGuest: boolean };
  /** Origins of this machine that the operator lets do reach. */
  readonly loopbackOrigins: readonly string[];
  readonly nowMs: () => number;
}
