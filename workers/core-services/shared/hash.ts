const encoder = new TextEncoder();

/** SHA-256 of the parts, each prefixed with its length so that no two lists of parts look alike, in hex. */
export async function sha256(...parts: readonly string[]): Promise<string> {
  const text = parts.map((part) => `${part.length}:${part}`).join("");
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of a string in UTF-8, without encoding it when its length alone decides. */
export function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}
