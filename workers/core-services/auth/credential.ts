import { createHash } from "node:crypto";

/**
 * The text of keys, session tokens and refresh tokens:
 *
 *     do_live_ 7H2K9QXZ 01M7YEBV9WQSQ34P2RRSS1QHFF _ 43 characters secret, 6 characters checksum
 *              tenant's tag, then the id
 *
 * The tag says in which Realm to look; the secret has 256 random bits; the checksum finds slips of the hand, and what
 * only looks like a key, without a question to any store.
 */
export interface Credential {
  /** `live`, or what an installation calls itself; `ses` and `ref` are tokens of a session. */
  readonly label: string;
  readonly tag: string;
  readonly ulid: string;
}

/** The label of a session's access token, and of its refresh token. */
export const SESSION_LABEL = "ses";
export const REFRESH_LABEL = "ref";

const FORM = /^do_([a-z]{2,8})_([0-9A-HJKMNP-TV-Z]{8})([0-7][0-9A-HJKMNP-TV-Z]{25})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

const BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_CHARACTERS = 6;

/** What a credential says of itself; undefined for what cannot be one. */
export function parseCredential(text: string): Credential | undefined {
  const [, label, tag, ulid] = FORM.exec(text) ?? [];
  if (label === undefined || tag === undefined || ulid === undefined) return undefined;
  const body = text.slice(0, -CHECKSUM_CHARACTERS);
  return checksum(body) === text.slice(-CHECKSUM_CHARACTERS) ? { label, tag, ulid } : undefined;
}

/** A new credential's text. It exists in this answer only: what is stored is `hashCredential(text)`. */
export function newCredential({ label, tag, ulid }: Credential, random: Uint8Array = crypto.getRandomValues(new Uint8Array(32))): string {
  const body = `do_${label}_${tag}${ulid}_${base62(random, 43)}`;
  return body + checksum(body);
}

/** SHA-256 in hex. A secret of 256 random bits needs no slow hash: nobody can try them. */
export function hashCredential(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What may be shown of a credential, to find it again. */
export function startOf(text: string): string {
  return text.slice(0, text.indexOf("_", 3) + 9);
}

export function lastFourOf(text: string): string {
  return text.slice(-4);
}

function base62(bytes: Uint8Array, length: number): string {
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let i = 0; i < length; i++, value /= 62n) text = BASE_62.charAt(Number(value % 62n)) + text;
  return text;
}

/** CRC-32 (ISO 3309) in base 62. */
function checksum(text: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) crc = (CRC_TABLE[(crc ^ text.charCodeAt(i)) & 0xff] ?? 0) ^ (crc >>> 8);
  let value = (crc ^ 0xffffffff) >>> 0;
  let encoded = "";
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++, value = Math.floor(value / 62)) encoded = BASE_62.charAt(value % 62) + encoded;
  return encoded;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});
