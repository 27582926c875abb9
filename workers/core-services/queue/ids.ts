/** Crockford's base 32. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const MESSAGE_ID = /^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const RECEIPT = /^(msg_[0-7][0-9A-HJKMNP-TV-Z]{25})~([0-9a-f]{16})$/;

/**
 * `msg_<ULID>`: 48 bits of time, then the message's number among all of the tenant's, then 40 random bits. The number is
 * where the message is stored, so that no index of ids is needed; the random bits tell an id from a guess.
 */
export function messageId(nowMs: number, seq: number, random: readonly [number, number]): string {
  return `msg_${timePart(nowMs)}${base32(seq, 8)}${base32(random[0], 4)}${base32(random[1], 4)}`;
}

let lastTime: { nowMs: number; text: string } | undefined;

/** Of all messages of a batch it is the same. */
function timePart(nowMs: number): string {
  if (lastTime?.nowMs !== nowMs) lastTime = { nowMs, text: base32(nowMs, 10) };
  return lastTime.text;
}

/** The number in an id; undefined for what is no id. */
export function seqOf(id: string): number | undefined {
  if (!MESSAGE_ID.test(id)) return undefined;
  let seq = 0;
  for (let i = 14; i < 22; i++) seq = seq * 32 + ALPHABET.indexOf(id.charAt(i));
  return seq;
}

/** Random bits for ids, twice twenty for each: asked for by the hundred, since asking costs more than the bits. */
export class Randomness {
  readonly #bits = new Uint32Array(200);
  #used = this.#bits.length;

  next(): readonly [number, number] {
    if (this.#used >= this.#bits.length) {
      crypto.getRandomValues(this.#bits);
      this.#used = 0;
    }
    return [(this.#bits[this.#used++] ?? 0) >>> 12, (this.#bits[this.#used++] ?? 0) >>> 12];
  }
}

/** What a delivery is answered by: which message, and which of its leases. */
export interface Receipt {
  readonly id: string;
  readonly seq: number;
  readonly lease: string;
}

export function newLease(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function receiptOf(id: string, lease: string): string {
  return `${id}~${lease}`;
}

export function parseReceipt(text: string): Receipt | undefined {
  const [, id, lease] = RECEIPT.exec(text) ?? [];
  const seq = id === undefined ? undefined : seqOf(id);
  return id === undefined || lease === undefined || seq === undefined ? undefined : { id, seq, lease };
}

function base32(value: number, length: number): string {
  let text = "";
  for (let rest = value, i = 0; i < length; i++, rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text;
  return text;
}
