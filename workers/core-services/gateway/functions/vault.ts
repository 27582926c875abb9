import { DoError } from "../../../../sdk/src/errors.ts";

const encoder = new TextEncoder();
const IV_BYTES = 12;

/** Where a secret belongs; a ciphertext is good nowhere else. */
export interface SecretPlace {
  readonly tenant: string;
  /** Empty for the tenant's own. */
  readonly name: string;
  readonly key: string;
}

/**
 * Encrypts the secrets of a tenant: AES-256-GCM under a key of its own, which is derived from the operator's by HKDF
 * (RFC 5869). The place is authenticated with the text: a row that is copied to another does not open there.
 */
export class Vault {
  readonly #key: Promise<CryptoKey>;

  /** @param operatorKey at least 32 characters, from the configuration of the deployment */
  constructor(operatorKey: string, tenant: string) {
    this.#key = derive(operatorKey, tenant);
    // Whoever uses it hears of a failure; nobody may have come yet.
    this.#key.catch(() => {});
  }

  async seal(text: string, place: SecretPlace): Promise<Uint8Array> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(algorithm(iv, place), await this.#key, encoder.encode(text));
    const bytes = new Uint8Array(IV_BYTES + sealed.byteLength);
    bytes.set(iv);
    bytes.set(new Uint8Array(sealed), IV_BYTES);
    return bytes;
  }

  /** @throws DoError UNAVAILABLE when it was sealed under another key */
  async open(sealed: Uint8Array, place: SecretPlace): Promise<string> {
    try {
      const [iv, text] = [sealed.slice(0, IV_BYTES), sealed.slice(IV_BYTES)];
      return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm(iv, place), await this.#key, text));
    } catch {
      throw new DoError("UNAVAILABLE", `Cannot read the secret ${place.key}: it was written under another key of the operator`, {
        reason: "SECRETS_KEY_CHANGED",
        retryable: false,
      });
    }
  }
}

const LEAST_KEY_CHARACTERS = 32;

/** @throws DoError UNAVAILABLE when the operator has given no key: nothing is kept in the clear instead */
export function vaultOf(operatorKey: string | undefined, tenant: string): Vault {
  if (operatorKey !== undefined && operatorKey.length >= LEAST_KEY_CHARACTERS) return new Vault(operatorKey, tenant);
  throw new DoError("UNAVAILABLE", "Cannot keep secrets: the operator has set no DO_SECRETS_KEY of at least 32 characters", {
    reason: "NO_SECRETS_KEY",
    retryable: false,
  });
}

async function derive(operatorKey: string, tenant: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encoder.encode(operatorKey), "HKDF", false, ["deriveKey"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: encoder.encode("do:function-secrets:1"), info: encoder.encode(tenant) };
  return crypto.subtle.deriveKey(hkdf, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

function algorithm(iv: Uint8Array, { tenant, name, key }: SecretPlace) {
  return { name: "AES-GCM", iv, additionalData: encoder.encode(JSON.stringify([tenant, name, key])) };
}
