import { DoError } from "../../../../sdk/src/errors.ts";
import { isPlatform, type Actor } from "../actor.ts";
import type { Client, clientMethods } from "../schema/clients.ts";
import { DEFAULT_PAGE } from "../schema/shared.ts";
import { allows } from "../scopes.ts";
import { callersOnly, type AuthDeps, type Methods } from "./deps.ts";

export function clientService({ oauth, realm, actor, issuer, now }: AuthDeps): Methods<keyof typeof clientMethods> {
  const at = (): string => {
    if (issuer !== undefined) return issuer;
    throw new DoError("UNAVAILABLE", "OAuth needs to know its own URL: set publicUrl in the configuration", {
      reason: "ISSUER_NOT_CONFIGURED",
      retryable: false,
    });
  };
  return {
    createClient: async (name, redirectUris, { confidential = false } = {}) => {
      operatorOnly(actor);
      const made = await oauth
        .createClient(at(), { clientName: name, redirectUris, tokenEndpointAuthMethod: confidential ? "client_secret_basic" : "none" })
        .catch((error: unknown) => {
          throw new DoError(
            "INVALID_ARGUMENT",
            `Cannot register the client: ${error instanceof Error ? error.message : "it is not valid"}`,
          );
        });
      await realm.note(actor, "client.created", made.clientId, now(), { name });
      return { ...toClient(made), ...(made.clientSecret === undefined ? {} : { clientSecret: made.clientSecret }) };
    },
    listClients: async ({ limit = DEFAULT_PAGE, cursor } = {}) => {
      operatorOnly(actor);
      const page = await oauth.listClients(at(), limit, cursor);
      return { ...page, items: page.items.map(toClient) };
    },
    deleteClient: async (clientId) => {
      operatorOnly(actor);
      const deleted = await oauth.deleteClient(at(), clientId);
      if (deleted) await realm.note(actor, "client.deleted", clientId.slice(0, 256), now());
      return { deleted };
    },
    listGrants: async ({ userId } = {}) => ({ items: await oauth.listGrants(at(), whose(actor, userId, "read"), actor.tenant) }),
    revokeGrant: async (id, { userId } = {}) => {
      callersOnly(actor);
      const of = whose(actor, userId, "write");
      const revoked = await oauth.revokeGrant(at(), of, actor.tenant, id);
      if (revoked) await realm.note(actor, "grant.revoked", id, now(), { userId: of });
      return { revoked };
    },
  };
}

function whose(actor: Actor, userId: string | undefined, access: "read" | "write"): string {
  const id = userId ?? actor.id;
  if (id === actor.id && actor.kind === "user" && !actor.isGuest) return id;
  if (userId === undefined) throw new DoError("INVALID_ARGUMENT", "The caller is no user: say whose grants, by userId");
  if (allows(actor.scopes, "auth", access, `clients/${userId}`)) return id;
  throw new DoError("PERMISSION_DENIED", `Cannot do this for others: it needs the scope auth:${access}:clients/${userId}`, {
    reason: "MISSING_SCOPE",
  });
}

function toClient({ clientId, clientName, redirectUris, tokenEndpointAuthMethod }: Client): Client {
  return { clientId, ...(clientName === undefined ? {} : { clientName }), redirectUris, tokenEndpointAuthMethod };
}

function operatorOnly(actor: Actor): void {
  if (isPlatform(actor)) return;
  throw new DoError("PERMISSION_DENIED", "Cannot look after OAuth clients: it is the operator's to do", { reason: "OPERATOR_ONLY" });
}
