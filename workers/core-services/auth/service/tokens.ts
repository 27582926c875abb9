import { DoError, toDoError } from "../../../../sdk/src/errors.ts";
import { newId } from "../../shared/ids.ts";
import { isPlatform } from "../actor.ts";
import { parseCredential, SESSION_LABEL } from "../credential.ts";
import { looksLikeJwt, shapeOf } from "../jwt/shape.ts";
import type { Issued, TokenKind, tokenMethods } from "../schema/tokens.ts";
import { beyond, simplify } from "../scopes.ts";
import { callersOnly, type AuthDeps, type Inspected, type Methods } from "./deps.ts";

const DEFAULT_TTL_SECONDS = 900;
const DEFAULT_OVERLAP_SECONDS = 3_600;

export function tokenService(deps: AuthDeps): Methods<keyof typeof tokenMethods> {
  const { accounts, realm, realmOf, actor, now } = deps;
  /** What a token of the caller's own tenant stands for; a token of another is no token. */
  const inspected = async (token: string): Promise<Inspected> => {
    const found = await deps.inspect(token);
    if (found.principal.tenant === actor.tenant) return found;
    throw new DoError("UNAUTHENTICATED", "The token is not valid", { reason: "BAD_CREDENTIAL" });
  };
  return {
    issueToken: async ({ audience, scopes = [...actor.scopes], ttlSeconds = DEFAULT_TTL_SECONDS, claims = {} } = {}) => {
      const self = { principal: actor, scopes: actor.scopes, credential: credentialOf(deps) };
      return issue(deps, self, { audience, scopes, ttlSeconds, claims });
    },
    exchangeToken: async (token, { audience, scopes, ttlSeconds = DEFAULT_TTL_SECONDS }) => {
      callersOnly(actor);
      // Whoever has the text may have less of it; nobody needs to be signed in for that.
      return issue(deps, await deps.inspect(token), { audience, scopes, ttlSeconds, claims: {} });
    },
    validateToken: async (token, { scopes = [] } = {}) => {
      const found = await orRefusal(() => inspected(token));
      if (found instanceof DoError) return { valid: false, reason: found.reason ?? found.code };
      const missing = beyond(found.scopes, scopes);
      const { expiresMs } = found.credential;
      return {
        valid: missing.length === 0,
        kind: kindOf(token, found),
        principal: plain(found.principal),
        permissions: [...found.scopes],
        ...(expiresMs === undefined ? {} : { expiresAt: new Date(expiresMs).toISOString() }),
        ...(missing.length === 0 ? {} : { reason: "INSUFFICIENT_PERMISSIONS" }),
      };
    },
    introspect: async (token) => {
      const found = await orRefusal(() => inspected(token));
      if (found instanceof DoError) return { active: false };
      const { principal, scopes, credential } = found;
      return {
        active: true,
        scope: scopes.join(" "),
        sub: principal.id,
        tenant: principal.tenant,
        tier: principal.tier,
        token_type: "Bearer",
        ...(credential.expiresMs === undefined ? {} : { exp: Math.floor(credential.expiresMs / 1_000) }),
        ...(deps.issuer === undefined ? {} : { iss: deps.issuer }),
      };
    },
    revokeToken: async (token) => {
      callersOnly(actor);
      const isSession = parseCredential(token)?.label === SESSION_LABEL;
      if (!isSession && !looksLikeJwt(token)) {
        throw new DoError("INVALID_ARGUMENT", "Cannot revoke: it is neither a JWT nor a session; a key is ended by revokeApiKey(id)");
      }
      const found = await orRefusal(() => deps.inspect(token));
      // As RFC 7009 has it: what is not good any more needs no revoking.
      if (found instanceof DoError) return { revoked: false };
      const { principal, credential } = found;
      const by = { kind: principal.kind, id: principal.id, requestId: actor.requestId };
      if (isSession) return realmOf(principal.tenant).revokeSession(by, credential.id, now());
      if (!credential.id.startsWith("tok_")) {
        throw new DoError("UNSUPPORTED", "Cannot revoke a token of another issuer: it is theirs to end", { reason: "NOT_OURS" });
      }
      return realmOf(principal.tenant).revokeToken(by, credential.id, credential.expiresMs ?? 0, now());
    },
    jwks: async () => ({ keys: (await accounts.jwks(now())).keys.map((key) => ({ ...key })) }),
    rotateKeys: async ({ overlapSeconds = DEFAULT_OVERLAP_SECONDS } = {}) => {
      if (!isPlatform(actor))
        throw new DoError("PERMISSION_DENIED", "Cannot rotate the signing keys: it is the operator's to do", { reason: "OPERATOR_ONLY" });
      const { kid, previous } = await accounts.rotateSigningKey(now() + overlapSeconds * 1_000, now());
      await realm.note(actor, "signing-key.rotated", kid, now(), { previous, overlapSeconds });
      return { keyId: kid, previousKeyId: previous };
    },
  };
}

interface Wanted {
  readonly audience: string | undefined;
  readonly scopes: readonly string[];
  readonly ttlSeconds: number;
  readonly claims: Record<string, unknown>;
}

/** A token that is worth no more than what it is made from, for no longer, and that ends when that is revoked. */
async function issue(deps: AuthDeps, from: Inspected, { audience, scopes, ttlSeconds, claims }: Wanted): Promise<Issued> {
  const { accounts, realmOf, issuer, actor, now } = deps;
  if (issuer === undefined) {
    throw new DoError(
      "UNAVAILABLE",
      "Cannot issue a token: this deployment does not know its own URL; set publicUrl in its configuration",
      {
        reason: "ISSUER_NOT_CONFIGURED",
        retryable: false,
      },
    );
  }
  if (from.credential.source === "") throw unbound();
  const over = beyond(from.scopes, scopes);
  if (over.length > 0) {
    throw new DoError("PERMISSION_DENIED", `Cannot hand on ${over.slice(0, 5).join(", ")}: you do not hold it`, {
      reason: "BEYOND_GRANTS",
    });
  }
  const { principal, credential } = from;
  const issuedMs = now();
  const expiresMs = Math.min(issuedMs + ttlSeconds * 1_000, credential.expiresMs ?? Infinity);
  const tokenId = newId("tok", issuedMs);
  const granted = simplify(scopes);
  const token = await accounts.signToken(
    {
      ...claims,
      iss: issuer,
      sub: principal.id,
      aud: audience ?? issuer,
      iat: Math.floor(issuedMs / 1_000),
      exp: Math.floor(expiresMs / 1_000),
      jti: tokenId,
      client_id: credential.source,
      scope: granted.join(" "),
      tenant: principal.tenant,
      src: credential.source,
    },
    issuedMs,
  );
  const by = { kind: principal.kind, id: principal.id, requestId: actor.requestId };
  await realmOf(principal.tenant).note(by, "token.issued", tokenId, issuedMs, {
    scopes: granted,
    ...(audience === undefined ? {} : { audience }),
  });
  return { token, tokenType: "Bearer", tokenId, scopes: granted, expiresAt: new Date(expiresMs).toISOString() };
}

/** What the caller came with: a token is as good as that, and no better. */
function credentialOf({ actor }: AuthDeps): Inspected["credential"] {
  const { credentialId: id, credentialSource: source, credentialExpiresMs: expiresMs } = actor;
  if (id === undefined || source === undefined) throw unbound();
  return { id, source, expiresMs };
}

/** Of what nobody here can take back, nothing is made: it could not be ended with it. */
function unbound(): DoError {
  return new DoError(
    "PRECONDITION_FAILED",
    "Cannot issue a token: there is no key or session of this deployment that it could be bound to",
    {
      reason: "NO_CREDENTIAL",
    },
  );
}

function plain({ kind, id, tenant, tier }: Inspected["principal"]) {
  return { kind, id, tenant, tier };
}

function kindOf(token: string, { credential }: Inspected): TokenKind {
  if (looksLikeJwt(token) && shapeOf(token)) return "jwt";
  if (credential.id === "root") return "root";
  if (credential.id.startsWith("ses_")) return "session";
  return credential.id.startsWith("key_") ? "key" : "oauth";
}

/** A refusal is an answer here; that it cannot be told is not. */
async function orRefusal(ask: () => Promise<Inspected>): Promise<Inspected | DoError> {
  try {
    return await ask();
  } catch (error) {
    const refusal = toDoError(error);
    if (refusal && refusal.code !== "UNAVAILABLE" && refusal.code !== "INTERNAL") return refusal;
    throw error;
  }
}
