/** Signatures that anybody can check with a public key. None that needs a shared secret, and not `none`. */
export const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface Header {
  readonly alg: Algorithm;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
}

export interface Shaped {
  readonly header: Header;
  readonly claims: Record<string, unknown>;
}

export const MAX_JWT_CHARACTERS = 8_192;

const THREE_PARTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
/** Looked up in a list and nowhere else; still, nothing that a path or a query could be made of. */
const KEY_ID = /^(?!.*\.\.)[A-Za-z0-9._~+/=:@-]{1,256}$/;
/** Where the token itself names the key that it is to be checked with, or says how it is to be read. */
const NOT_FOR_THE_TOKEN_TO_SAY = ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"];

/** Whether a credential is meant as a JWT: three parts with two dots between. */
export function looksLikeJwt(text: string): boolean {
  return text.split(".").length === 3;
}

/** What a JWT says, unverified; undefined when its form is not the one there is. No signature is looked at. */
export function shapeOf(token: string): Shaped | undefined {
  if (token.length > MAX_JWT_CHARACTERS) return undefined;
  const [, first, second, third] = THREE_PARTS.exec(token) ?? [];
  if (first === undefined || second === undefined || third === undefined) return undefined;
  if (![first, second, third].every(isCanonical)) return undefined;
  const [header, claims] = [decode(first), decode(second)];
  const checked = header && headerOf(header);
  return checked && claims ? { header: checked, claims } : undefined;
}

function headerOf(header: Record<string, unknown>): Header | undefined {
  const { alg, kid, typ } = header;
  const algorithm = ALGORITHMS.find((known) => known === alg);
  if (algorithm === undefined || NOT_FOR_THE_TOKEN_TO_SAY.some((name) => Object.hasOwn(header, name))) return undefined;
  if (kid !== undefined && (typeof kid !== "string" || !KEY_ID.test(kid))) return undefined;
  if (typ !== undefined && typeof typ !== "string") return undefined;
  return { alg: algorithm, kid, typ };
}

/** One text has one spelling: bits after the last byte are zero, so that no revoked token comes back re-spelt. */
function isCanonical(part: string): boolean {
  const rest = part.length % 4;
  if (rest === 1) return false;
  if (rest === 0) return true;
  const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".indexOf(part.charAt(part.length - 1));
  return (last & (rest === 2 ? 0b1111 : 0b11)) === 0;
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
