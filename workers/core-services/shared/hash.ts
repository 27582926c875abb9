import { createHash } from "node:crypto";

const encoder = new TextEncoder();

/** SHA-256 of the parts, each prefixed with its length so that no two lists of parts look alike, in hex. */
export function sha256(...parts: readonly string[]): string {
  // Not by WebCrypto: it answers in another turn, which costs more than the hash.
  return createHash("sha256")
    .update(parts.map((part) => `${part.length}:${part}`).join(""))
    .digest("hex");
}

/** Bytes of a string in UTF-8, without encoding it when its length alone decides. */
export function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}
