import { scrypt } from "node:crypto";

/** OWASP's choice for 16 MB of memory: N 2^14, r 8, p 5. The parameters stand in each hash, so that they can grow. */
const PARAMETERS = { logN: 14, r: 8, p: 5 } as const;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

const FORM = /^scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)$/;

/** Checked in place of the hash of a user who is not there: as long as any other takes. */
export const NOBODYS_HASH = `scrypt$ln=${PARAMETERS.logN},r=${PARAMETERS.r},p=${PARAMETERS.p}$${"A".repeat(22)}$${"A".repeat(43)}`;

/** `scrypt$ln=14,r=8,p=5$salt$key` */
export async function hashPassword(password: string, salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))): Promise<string> {
  const key = await derive(password, salt, PARAMETERS);
  return `scrypt$ln=${PARAMETERS.logN},r=${PARAMETERS.r},p=${PARAMETERS.p}$${toBase64Url(salt)}$${toBase64Url(key)}`;
}

export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, logN, r, p, salt = "", key = ""] = FORM.exec(hash) ?? [];
  const derived = await derive(password, fromBase64Url(salt), { logN: Number(logN), r: Number(r), p: Number(p) });
  const stored = fromBase64Url(key);
  return derived.byteLength === stored.byteLength && crypto.subtle.timingSafeEqual(derived, stored);
}

/** Whether a hash was made with less than is wanted now. */
export function isOutdated(hash: string): boolean {
  const [, logN, r, p] = FORM.exec(hash) ?? [];
  return Number(logN) !== PARAMETERS.logN || Number(r) !== PARAMETERS.r || Number(p) !== PARAMETERS.p;
}

function derive(password: string, salt: Uint8Array, { logN, r, p }: { logN: number; r: number; p: number }): Promise<Uint8Array> {
  const options = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r };
  return new Promise((resolve, reject) => {
    // The same letters can be typed as different code points.
    scrypt(password.normalize("NFC"), salt, KEY_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}
