/** Who calls a method of auth, as the host knows it; never from an argument. */
export interface Actor {
  readonly kind: string;
  readonly id: string;
  readonly tenant: string;
  readonly tier: string;
  /** All that it may do now; it can hand on no more. */
  readonly scopes: readonly string[];
  /** Code, which may act in its own tenant only, and never as the operator. */
  readonly isGuest: boolean;
  readonly requestId: string;
  /** The key or session by which it came. */
  readonly credentialId: string | undefined;
  /** What that was made from, in the end: a token of a key is worth what the key is. */
  readonly credentialSource: string | undefined;
  readonly credentialExpiresMs: number | undefined;
  /** Where the request comes from, if somebody trusted has said so. */
  readonly address: string | undefined;
}

/** The part of an actor that the audit trail keeps. */
export type By = Pick<Actor, "kind" | "id" | "requestId">;

/** The tenant of the operator, whose principals in tier `internal` look after all the others. */
export const PLATFORM_TENANT = "root";

/** Whether the actor looks after tenants: the operator's own credential, never code that it runs. */
export function isPlatform({ tenant, tier, isGuest }: Actor): boolean {
  return tenant === PLATFORM_TENANT && tier === "internal" && !isGuest;
}
