import { accountsOf } from "../../core-services/auth/accounts.ts";
import { configOf, isSecureOrigin, type Config } from "../../core-services/auth/config.ts";
import { checkClaims, type Checked, type ClaimsRefusal } from "../../core-services/auth/jwt/claims.ts";
import { identityOf, type ExternalIdentity, type Issuer } from "../../core-services/auth/jwt/issuers.ts";
import { shapeOf } from "../../core-services/auth/jwt/shape.ts";
import { verifyJwt, type JWK } from "../../core-services/auth/jwt/verify.ts";
import { DoError } from "./errors.ts";

/** Ours: a derived credential, which the Realm still has to let in. */
interface OwnToken {
  readonly kind: "own";
  readonly id: string;
  readonly tenant: string;
  readonly source: string;
  readonly scopes: readonly string[];
  readonly expiresMs: number;
}

type ExternalToken = ExternalIdentity & { readonly kind: "external"; readonly expiresMs: number };

/** How long a process takes our own signing keys as they are: what a rotation without overlap takes to hold everywhere. */
const OWN_KEYS_MS = 10_000;
let ownKeys: { readonly keys: readonly JWK[]; readonly untilMs: number } | undefined;

/** Who our tokens are by, and for: the configured URL, or the one that was asked, where that is safe to say. */
export function issuerOf({ publicUrl }: Config, origin: string | undefined): string | undefined {
  return publicUrl ?? (origin !== undefined && isSecureOrigin(origin) ? origin : undefined);
}

/** @throws DoError UNAUTHENTICATED saying what is wrong with the token, and nothing of whom it names; UNAVAILABLE */
export async function verifyToken(
  env: Cloudflare.Env,
  token: string,
  origin: string | undefined,
  nowMs: number,
): Promise<OwnToken | ExternalToken> {
  const shaped = shapeOf(token);
  if (!shaped) throw bad("TOKEN_MALFORMED", "it is not of the form of a token that is taken here");
  const config = configOf(env.DO_CONFIG);
  const own = issuerOf(config, origin);
  const { iss } = shaped.claims;
  if (own !== undefined && iss === own) return ownToken(env, token, own, nowMs);
  const issuer = config.issuers.find((trusted) => trusted.issuer === iss);
  if (!issuer) throw bad("ISSUER_NOT_TRUSTED", "its issuer is not one that is trusted here");
  return externalToken(env, token, issuer, shaped.header.kid, nowMs);
}

async function ownToken(env: Cloudflare.Env, token: string, issuer: string, nowMs: number): Promise<OwnToken> {
  const verified = await verifyJwt(token, await ownKeysOf(env, nowMs), ["ES256"]);
  if (!verified || verified.header.typ !== "at+jwt") throw bad("BAD_SIGNATURE", "its signature is not by a key of its issuer");
  const { claims, expiresMs } = checked(checkClaims(verified.claims, { issuer, audiences: [issuer], nowMs }));
  // We have signed it: what it says is what we wrote.
  const { jti, tenant, src, scope } = claims as { jti: string; tenant: string; src: string; scope: string };
  return { kind: "own", id: jti, tenant, source: src, scopes: scope === "" ? [] : scope.split(" "), expiresMs };
}

async function ownKeysOf(env: Cloudflare.Env, nowMs: number): Promise<readonly JWK[]> {
  if (!ownKeys || ownKeys.untilMs <= nowMs) ownKeys = { keys: (await accountsOf(env).jwks(nowMs)).keys, untilMs: nowMs + OWN_KEYS_MS };
  return ownKeys.keys;
}

async function externalToken(
  env: Cloudflare.Env,
  token: string,
  issuer: Issuer,
  kid: string | undefined,
  nowMs: number,
): Promise<ExternalToken> {
  const keys = await accountsOf(env).jwksOf(issuer.jwksUrl, kid);
  const verified = await verifyJwt(token, keys, issuer.algorithms);
  if (!verified) throw bad("BAD_SIGNATURE", "its signature is not by a key of its issuer, in an algorithm that is taken from it");
  const audiences = [issuer.audience].flat();
  const { claims, sub, expiresMs } = checked(checkClaims(verified.claims, { issuer: issuer.issuer, audiences, nowMs }));
  const identity = identityOf(issuer, sub, claims);
  if (!identity) throw bad("NO_TENANT", "its claims lead to no tenant and tier here");
  return { kind: "external", ...identity, expiresMs };
}

function checked(result: Checked | ClaimsRefusal): Checked {
  switch (result) {
    case "issuer":
      throw bad("ISSUER_NOT_TRUSTED", "its issuer is not one that is trusted here");
    case "audience":
      throw bad("WRONG_AUDIENCE", "it is meant for another audience");
    case "expired":
      throw bad("TOKEN_EXPIRED", "it has expired");
    case "not-yet":
      throw bad("TOKEN_NOT_YET_VALID", "it is not valid yet; compare the clocks");
    case "malformed":
      throw bad("TOKEN_MALFORMED", "it must have iss, sub, aud, exp and iat, each in its own type");
    default:
      return result;
  }
}

function bad(reason: string, why: string): DoError {
  return new DoError("UNAUTHENTICATED", `Cannot authenticate by this token: ${why}`, { reason });
}
