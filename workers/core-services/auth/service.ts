import type { Implementation } from "../shared/method.ts";
import type { authDefinition } from "./schema.ts";
import { DEFAULT_PAGE } from "./schema/shared.ts";
import { clientService } from "./service/clients.ts";
import type { AuthDeps } from "./service/deps.ts";
import { keyService } from "./service/keys.ts";
import { roleService } from "./service/roles.ts";
import { sessionService } from "./service/sessions.ts";
import { tenantService } from "./service/tenants.ts";
import { tokenService } from "./service/tokens.ts";
import { userService } from "./service/users.ts";

/** What a principal may call of auth, in its own tenant. */
export function authService(deps: AuthDeps): Implementation<typeof authDefinition> {
  const { realm } = deps;
  return {
    whoami: async () => ({ ...(await deps.whoAmI()) }),
    ...keyService(deps),
    ...roleService(deps),
    ...userService(deps),
    ...sessionService(deps),
    ...tenantService(deps),
    ...tokenService(deps),
    ...clientService(deps),
    listAudit: async ({ actor, action, object, limit = DEFAULT_PAGE, cursor } = {}) =>
      realm.listAudit({ actor, action, object, before: cursor === undefined ? undefined : Number(cursor), limit }),
  };
}
