/** Crockford's base 32, as ULID has it: no I, L, O, U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * `<prefix>_<ULID>`: 48 bits of time, then 80 random bits. Sorts by the time it was made.
 * @see https://github.com/ulid/spec
 */
export function newId(prefix: string, nowMs: number, random: Uint8Array = crypto.getRandomValues(new Uint8Array(10))): string {
  return `${prefix}_${base32(BigInt(nowMs), 10)}${base32(bytesToBigInt(random), 16)}`;
}

function base32(value: bigint, length: number): string {
  let text = "";
  for (let rest = value, i = 0; i < length; i++, rest >>= 5n) text = (ALPHABET[Number(rest & 31n)] ?? "0") + text;
  return text;
}

function bytesToBigInt(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
