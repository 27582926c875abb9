import type { Remote } from "../../auth/remote.ts";
import type { Sponsor } from "../../shared/background.ts";
import type { ResponseCache } from "../cache/response-cache.ts";
import type { NamedSecrets } from "../egress/added-headers.ts";
import type { RoutedTenants } from "../routes/routed-tenants.ts";
import type { Traffic } from "../traffic.ts";

/** What the gateway needs to serve one caller. */
export interface GatewayDeps {
  readonly traffic: Remote<Traffic>;
  readonly cache: Remote<ResponseCache>;
  readonly routedTenants: Remote<RoutedTenants>;
  readonly secrets: NamedSecrets;
  readonly caller: { readonly id: string; readonly isGuest: boolean; readonly tenant: string };
  /** On whose behalf the targets of a route are asked that the caller makes. @throws DoError */
  readonly sponsor: () => Sponsor;
  /** Origins of this machine that the operator lets do reach. */
  readonly loopbackOrigins: readonly string[];
  readonly nowMs: () => number;
}
