import { compactVerify, type JWK } from "jose";
import { shapeOf, type Algorithm, type Header } from "./shape.ts";

export type { JWK } from "jose";

/** Which kind of key each algorithm takes: a token cannot have one checked as another. */
const KEY_TYPES: Readonly<Record<Algorithm, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: "RSA" },
  RS384: { kty: "RSA" },
  RS512: { kty: "RSA" },
  PS256: { kty: "RSA" },
  PS384: { kty: "RSA" },
  PS512: { kty: "RSA" },
  ES256: { kty: "EC", crv: "P-256" },
  ES384: { kty: "EC", crv: "P-384" },
  ES512: { kty: "EC", crv: "P-521" },
  EdDSA: { kty: "OKP", crv: "Ed25519" },
};

/**
 * Whether one of `keys` has signed the token, by an algorithm of the list that the key is for.
 * @returns its claims, not yet checked; undefined when it is not so
 */
export async function verifyJwt(
  token: string,
  keys: readonly JWK[],
  algorithms: readonly Algorithm[],
): Promise<{ header: Header; claims: Record<string, unknown> } | undefined> {
  const shaped = shapeOf(token);
  if (!shaped || !algorithms.includes(shaped.header.alg)) return undefined;
  return (await isSigned(token, keys, shaped.header)) ? shaped : undefined;
}

/** Whether one of `keys` has signed it: what the signature covers may be anything. */
export async function isSigned(token: string, keys: readonly JWK[], header: Header): Promise<boolean> {
  for (const key of keys.filter((candidate) => isFor(candidate, header))) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- almost always there is one
      await compactVerify(token, key, { algorithms: [header.alg] });
      return true;
    } catch {
      // Not this key's, or no key at all.
    }
  }
  return false;
}

function isFor(key: JWK, { alg, kid }: Header): boolean {
  const { kty, crv } = KEY_TYPES[alg];
  if (key.kty !== kty || (crv !== undefined && key.crv !== crv)) return false;
  if (kid !== undefined && key.kid !== kid) return false;
  if (key.alg !== undefined && key.alg !== alg) return false;
  if (key.use !== undefined && key.use !== "sig") return false;
  // That an RSA key has 2,048 bits at least is held by `jose`.
  return key.key_ops === undefined || key.key_ops.includes("verify");
}
