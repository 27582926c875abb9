import { DoError } from "../../../../sdk/src/errors.ts";

const encoder = new TextEncoder();

/**
 * Encrypts what must not lie in clear on a disk: AES-256-GCM with a key that is made of the operator's and the tenant's
 * name, so that what is copied into another tenant's database opens nothing there.
 */
export class Seal {
  readonly #key: Promise<CryptoKey>;

  constructor(operatorKey: string, tenant: string) {
    this.#key = deriveKey(operatorKey, tenant);
    // Whoever uses it hears of it.
    this.#key.catch(() => {});
  }

  async close(text: string): Promise<Uint8Array> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await this.#key, encoder.encode(text));
    const bytes = new Uint8Array(iv.length + sealed.byteLength);
    bytes.set(iv);
    bytes.set(new Uint8Array(sealed), iv.length);
    return bytes;
  }

  /** @throws DoError UNAVAILABLE for what another key has sealed */
  async open(bytes: Uint8Array): Promise<string> {
    try {
      const key = await this.#key;
      const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.subarray(0, 12) }, key, bytes.subarray(12));
      return new TextDecoder().decode(opened);
    } catch {
      throw new DoError("UNAVAILABLE", "Cannot read what is encrypted: the operator's key is another one than when it was written", {
        reason: "SEALED_BY_ANOTHER_KEY",
        retryable: false,
      });
    }
  }
}

async function deriveKey(operatorKey: string, tenant: string): Promise<CryptoKey> {
  if (operatorKey === "")
    throw new DoError("UNAVAILABLE", "Cannot encrypt: DO_ROOT_KEY is not set", { reason: "NO_OPERATOR_KEY", retryable: false });
  const from = await crypto.subtle.importKey("raw", encoder.encode(operatorKey), "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: encoder.encode("do egress rules"), info: encoder.encode(tenant) };
  return crypto.subtle.deriveKey(how, from, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}
