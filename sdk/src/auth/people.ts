import type { NewApiKey } from "./keys.ts";
import type { PageOf, PageOptions } from "./shared.ts";

export interface User {
  id: string;
  email: string;
  name: string;
  /** The tenant that looks after the user. */
  home?: string | undefined;
  disabled: boolean;
  hasPassword: boolean;
  createdAt: string;
}

export interface Member {
  userId: string;
  email: string;
  roles: string[];
  joinedAt: string;
}

export interface Tenant {
  name: string;
  displayName: string;
  tier?: string | undefined;
  disabled: boolean;
  createdAt: string;
}

/** A sign-in of a user in a tenant. */
export interface AuthSession {
  id: string;
  userId: string;
  createdAt: string;
  lastUsedAt: string;
  /** When it ends unless it is refreshed before. */
  expiresAt: string;
  device?: string | undefined;
  address?: string | undefined;
  revokedAt?: string | undefined;
}

export interface SessionTokens {
  session: AuthSession;
  tenant: string;
  /** The access token, a credential. */
  token: string;
  expiresAt: string;
  /** Good for one refresh; used twice, it ends the session. */
  refreshToken: string;
}

export interface CreateUserOptions {
  name?: string | undefined;
  /** 10 to 256 characters. */
  password?: string | undefined;
  roles?: string[] | undefined;
  /** Of tier public, in no tenant; the operator only. */
  withoutTenant?: true | undefined;
}

export interface ListSessionsOptions extends PageOptions {
  userId?: string | undefined;
}

/** With an API key of its owner, which is shown once. */
export interface NewTenant extends Tenant {
  key: string;
}

export interface AuthPeople {
  createUser(email: string, options?: CreateUserOptions): Promise<User>;
  getUser(id: string): Promise<User>;
  listUsers(options?: PageOptions): Promise<PageOf<User>>;
  /** One who is disabled is out everywhere, at once. */
  updateUser(id: string, changes: { name?: string | undefined; email?: string | undefined; disabled?: boolean | undefined }): Promise<User>;
  deleteUser(id: string): Promise<{ deleted: boolean }>;
  /** For who holds all that the user holds; ends their sessions. */
  setPassword(id: string, password: string): Promise<{ changed: true }>;
  /** One's own; ends all other sessions. */
  changePassword(current: string, password: string): Promise<{ changed: true }>;
  addMember(userId: string, options?: { roles?: string[] | undefined }): Promise<Member>;
  listMembers(options?: PageOptions): Promise<PageOf<Member>>;
  removeMember(userId: string): Promise<{ removed: boolean }>;

  /** Needs no credential. @throws DoError UNAUTHENTICATED, RATE_LIMITED, PRECONDITION_FAILED (TENANT_NEEDED) */
  signIn(email: string, password: string, options?: { tenant?: string | undefined; device?: string | undefined }): Promise<SessionTokens>;
  /** Needs no credential but the refresh token. */
  refreshSession(refreshToken: string): Promise<SessionTokens>;
  signOut(): Promise<{ revoked: boolean }>;
  /** For who holds all that the member holds. */
  createSession(userId: string, options?: { device?: string | undefined }): Promise<SessionTokens>;
  getSession(id: string): Promise<AuthSession>;
  listSessions(options?: ListSessionsOptions): Promise<PageOf<AuthSession>>;
  revokeSession(id: string): Promise<{ revoked: boolean }>;
  revokeAllSessions(userId: string): Promise<{ revoked: number }>;

  /** With a key of its owner. The operator only, as the three after it. */
  createTenant(
    name: string,
    options?: { displayName?: string | undefined; tier?: string | undefined; idempotencyKey?: string | undefined },
  ): Promise<NewTenant>;
  listTenants(options?: PageOptions): Promise<PageOf<Tenant>>;
  updateTenant(
    name: string,
    changes: { displayName?: string | undefined; tier?: string | undefined; disabled?: boolean | undefined },
  ): Promise<Tenant>;
  createTenantKey(name: string, keyName: string, permissions: string[]): Promise<NewApiKey>;
}
