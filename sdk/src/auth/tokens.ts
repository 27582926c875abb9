import type { WhoAmI } from "../types.ts";
import type { PageOf, PageOptions, PrincipalInfo } from "./shared.ts";

export interface IssuedToken {
  token: string;
  tokenType: "Bearer";
  tokenId: string;
  scopes: string[];
  expiresAt: string;
}

export interface IssueTokenOptions {
  /** Who the token is for; default: this deployment. */
  audience?: string | undefined;
  /** At most the caller's; default: all of them. */
  scopes?: string[] | undefined;
  /** 10 to 3,600; default 900. */
  ttlSeconds?: number | undefined;
  /** For who receives the token; none of the registered ones. */
  claims?: Record<string, unknown> | undefined;
}

export interface TokenValidation {
  valid: boolean;
  kind?: "key" | "session" | "jwt" | "oauth" | "root" | undefined;
  principal?: PrincipalInfo | undefined;
  permissions?: string[] | undefined;
  expiresAt?: string | undefined;
  reason?: string | undefined;
}

/** As RFC 7662 has it. */
export interface Introspection {
  active: boolean;
  scope?: string | undefined;
  sub?: string | undefined;
  exp?: number | undefined;
  iss?: string | undefined;
  token_type?: string | undefined;
  tenant?: string | undefined;
  tier?: string | undefined;
}

export interface OAuthClient {
  clientId: string;
  clientName?: string | undefined;
  redirectUris: string[];
  tokenEndpointAuthMethod: string;
}

export interface NewOAuthClient extends OAuthClient {
  /** Shown once. */
  clientSecret?: string | undefined;
}

/** What a user has given to an OAuth client. */
export interface OAuthGrant {
  id: string;
  userId: string;
  clientId: string;
  scopes: string[];
  createdAt: string;
}

export interface OfUser {
  /** Default: the caller. */
  userId?: string | undefined;
}

export interface AuthTokens {
  whoami(): Promise<WhoAmI>;
  /** A JWT that stands for the caller, for a short time. */
  issueToken(options?: IssueTokenOptions): Promise<IssuedToken>;
  /** A JWT for a token, with some of its scopes. */
  exchangeToken(
    token: string,
    options: { scopes: string[]; audience?: string | undefined; ttlSeconds?: number | undefined },
  ): Promise<IssuedToken>;
  /** Never throws for a token that is not good. */
  validateToken(token: string, options?: { scopes?: string[] | undefined }): Promise<TokenValidation>;
  introspect(token: string): Promise<Introspection>;
  /** Ends a JWT, or a session. */
  revokeToken(token: string): Promise<{ revoked: boolean }>;
  /** RFC 7517. */
  jwks(): Promise<{ keys: Record<string, unknown>[] }>;
  /** The operator only. */
  rotateKeys(options?: { overlapSeconds?: number | undefined }): Promise<{ keyId: string; previousKeyId: string }>;

  /** The operator only, as the two after it. */
  createClient(name: string, redirectUris: string[], options?: { confidential?: boolean | undefined }): Promise<NewOAuthClient>;
  listClients(options?: PageOptions): Promise<PageOf<OAuthClient>>;
  deleteClient(clientId: string): Promise<{ deleted: boolean }>;
  listGrants(options?: OfUser): Promise<{ items: OAuthGrant[] }>;
  revokeGrant(id: string, options?: OfUser): Promise<{ revoked: boolean }>;
}
