/** Crockford's base 32, as ULID has it: no I, L, O, U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * `<prefix>_<ULID>`: 48 bits of time, then 80 random bits. Sorts by the time it was made.
 * @see https://github.com/ulid/spec
 */
export function newId(prefix: string, nowMs: number, random: Uint8Array = tenRandomBytes()): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0] = random;
  return `${prefix}_${base32(nowMs, 10)}${ofFiveBytes(a, b, c, d, e)}${ofFiveBytes(f, g, h, i, j)}`;
}

/** In eight characters. */
function ofFiveBytes(a: number, b: number, c: number, d: number, e: number): string {
  return base32(((a * 256 + b) * 256 + c) * 65_536 + d * 256 + e, 8);
}

/** @param value a whole number below 2 ** 53 */
function base32(value: number, length: number): string {
  let text = "";
  for (let rest = value, i = 0; i < length; i++, rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text;
  return text;
}

const POOL_BYTES = 640;
const pool = { bytes: new Uint8Array(0), at: 0 };

/** From a pool, for asking for so few takes longer than using them. No two get the same. */
function tenRandomBytes(): Uint8Array {
  if (pool.at >= pool.bytes.length) Object.assign(pool, { bytes: crypto.getRandomValues(new Uint8Array(POOL_BYTES)), at: 0 });
  pool.at += 10;
  return pool.bytes.subarray(pool.at - 10, pool.at);
}
