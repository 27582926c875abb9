import { defineService } from "../shared/method.ts";
import { auditMethods } from "./schema/audit.ts";
import { clientMethods } from "./schema/clients.ts";
import { keyMethods } from "./schema/keys.ts";
import { roleMethods } from "./schema/roles.ts";
import { selfMethods } from "./schema/self.ts";
import { sessionMethods } from "./schema/sessions.ts";
import { tokenMethods } from "./schema/tokens.ts";
import { tenantMethods, userMethods } from "./schema/users.ts";

/**
 * The resource of a method's scope says what it is about: `keys/<id>`, `roles/<subject>`, `audit/`. `auth:write:keys/*`
 * is to look after keys and nothing else.
 */
export const authDefinition = defineService({
  name: "auth",
  summary: "Keys, users, sessions, roles, permissions, and who did what with them",
  methods: {
    ...selfMethods,
    ...keyMethods,
    ...roleMethods,
    ...userMethods,
    ...sessionMethods,
    ...tenantMethods,
    ...tokenMethods,
    ...clientMethods,
    ...auditMethods,
  },
});
