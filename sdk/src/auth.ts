import type { AuthKeys } from "./auth/keys.ts";
import type { AuthPeople } from "./auth/people.ts";
import type { AuthRights } from "./auth/rights.ts";
import type { AuthTokens } from "./auth/tokens.ts";

export type * from "./auth/keys.ts";
export type * from "./auth/people.ts";
export type * from "./auth/rights.ts";
export type * from "./auth/tokens.ts";

/**
 * Who may do what: keys, users, sessions, roles, tokens, OAuth clients, and who did what with them. Kept by hand so that
 * it reads well and needs no schema library; tests/unit/sdk-types.test.ts holds it to the definition of the service.
 */
export interface AuthService extends AuthKeys, AuthRights, AuthPeople, AuthTokens {}
