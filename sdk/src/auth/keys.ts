import type { Moment, PageOf, PageOptions } from "./shared.ts";

export interface KeyRateLimit {
  name: string;
  limit: number;
  windowMs: number;
}

export interface KeyCredits {
  remaining: number;
  /** Sets `remaining` to `amount` each time the interval has passed. */
  refill?: { amount: number; intervalMs: number } | undefined;
}

/** An API key without its secret. */
export interface ApiKey {
  id: string;
  name: string;
  permissions: string[];
  environment: string;
  /** The beginning of the key, to find it by. */
  start: string;
  last4: string;
  /** Without it, the tier of the tenant. */
  tier?: string | undefined;
  ownerId?: string | undefined;
  createdBy: string;
  createdAt: string;
  expiresAt?: string | undefined;
  disabled: boolean;
  revokedAt?: string | undefined;
  firstUsedAt?: string | undefined;
  lastUsedAt?: string | undefined;
  rotatedFrom?: string | undefined;
  meta: Record<string, unknown>;
  rateLimits: KeyRateLimit[];
  credits?: KeyCredits | undefined;
  addresses: string[];
}

/** With the key itself, which is shown once. */
export interface NewApiKey extends ApiKey {
  key: string;
}

export interface CreateApiKeyOptions {
  /** 2 to 8 letters in the key's text; default `live`. */
  environment?: string | undefined;
  expiresAt?: Moment | undefined;
  /** Whose rights bound the key for as long as it lives. */
  ownerId?: string | undefined;
  /** Another tier than the caller's: the operator only. */
  tier?: string | undefined;
  meta?: Record<string, unknown> | undefined;
  /** Beside those of the tier. */
  rateLimits?: KeyRateLimit[] | undefined;
  credits?: KeyCredits | undefined;
  /** IP addresses and networks that it may be used from. */
  addresses?: string[] | undefined;
  idempotencyKey?: string | undefined;
}

export interface ApiKeyChanges {
  name?: string | undefined;
  permissions?: string[] | undefined;
  disabled?: boolean | undefined;
  /** Null: never. */
  expiresAt?: Moment | null | undefined;
  meta?: Record<string, unknown> | undefined;
  rateLimits?: KeyRateLimit[] | undefined;
  /** Null: without number. */
  credits?: KeyCredits | null | undefined;
  addresses?: string[] | undefined;
}

export interface ListApiKeysOptions extends PageOptions {
  ownerId?: string | undefined;
}

export interface KeyVerification {
  valid: boolean;
  code:
    | "VALID"
    | "NOT_FOUND"
    | "EXPIRED"
    | "REVOKED"
    | "DISABLED"
    | "FORBIDDEN"
    | "INSUFFICIENT_PERMISSIONS"
    | "RATE_LIMITED"
    | "USAGE_EXCEEDED";
  keyId?: string | undefined;
  name?: string | undefined;
  ownerId?: string | undefined;
  tier?: string | undefined;
  permissions?: string[] | undefined;
  expiresAt?: string | undefined;
  meta?: Record<string, unknown> | undefined;
  creditsRemaining?: number | undefined;
  retryAfterMs?: number | undefined;
}

export interface AuthKeys {
  /** Makes an API key; it is shown in this answer and never again. */
  createApiKey(name: string, permissions: string[], options?: CreateApiKeyOptions): Promise<NewApiKey>;
  /** Newest first. */
  listApiKeys(options?: ListApiKeysOptions): Promise<PageOf<ApiKey>>;
  getApiKey(id: string): Promise<ApiKey>;
  updateApiKey(id: string, changes: ApiKeyChanges): Promise<ApiKey>;
  /** From the next request on. */
  revokeApiKey(id: string): Promise<{ revoked: boolean }>;
  /** A new key with the same rights; the old one ends after the overlap, at once by default. */
  rotateApiKey(id: string, options?: { overlapSeconds?: number | undefined; idempotencyKey?: string | undefined }): Promise<NewApiKey>;
  /** Whether a key of this tenant is good now; takes `cost` (1) from its limits and credits when it is. */
  verifyApiKey(
    key: string,
    options?: { permission?: string | undefined; cost?: number | undefined; address?: string | undefined },
  ): Promise<KeyVerification>;
}
