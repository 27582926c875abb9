import type { Actor } from "../../core-services/auth/actor.ts";
import type { Authority } from "./capabilities.ts";
import { within, type Policy } from "./policy.ts";

/** The caller, as auth needs to know it. */
export function actorOf({ principal, policy: granted, services, via }: Authority): Actor {
  const { kind, id, tenant, tier } = principal;
  return {
    kind,
    id,
    tenant,
    tier,
    scopes: via.isGuest ? heldByCode(granted, services) : granted.scopes,
    isGuest: via.isGuest,
    requestId: via.requestId,
    credentialId: via.credential?.id,
    credentialSource: via.credential?.source,
    credentialExpiresMs: via.credential?.expiresMs,
    address: via.address,
  };
}

/** Code holds what the services that it was given can do, and may run code; it can hand on no more, whoever runs it. */
export function heldByCode(granted: Policy, services: Authority["services"]): string[] {
  return [...within(granted, [...services.map((service) => `${service}:*`), "executions:write"]).scopes];
}
