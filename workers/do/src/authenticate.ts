import { DoError } from "./errors.ts";
import { ROOT, type Principal } from "./principal.ts";

/** Turns what a caller presents into who it is. The auth service will be the second implementation. */
export interface Authenticator {
  /** @throws DoError UNAUTHENTICATED for a credential that is not one; UNAVAILABLE when that cannot be told */
  authenticate(credential: string): Promise<Principal>;
}

const MAX_CREDENTIAL_CHARACTERS = 8_192;
const MIN_ROOT_KEY_CHARACTERS = 16;

/** Knows one credential, the root key. */
export class RootKeyAuthenticator implements Authenticator {
  readonly #rootKey: string | undefined;

  constructor(rootKey: string | undefined) {
    this.#rootKey = rootKey;
  }

  async authenticate(credential: unknown): Promise<Principal> {
    // Not configured is an outage, not an open door.
    if (this.#rootKey === undefined || this.#rootKey.length < MIN_ROOT_KEY_CHARACTERS) {
      throw new DoError(
        "UNAVAILABLE",
        `Cannot authenticate: DO_ROOT_KEY is not set, or shorter than ${MIN_ROOT_KEY_CHARACTERS} characters`,
        {
          reason: "AUTH_NOT_CONFIGURED",
          retryable: false,
        },
      );
    }
    const isCredential = typeof credential === "string" && credential !== "" && credential.length <= MAX_CREDENTIAL_CHARACTERS;
    if (isCredential && (await isSame(credential, this.#rootKey))) return ROOT;
    throw new DoError("UNAUTHENTICATED", "Cannot authenticate: the credential is not valid", { reason: "BAD_CREDENTIAL" });
  }
}

/** Compares digests, so that neither length nor common beginning shows in the time it takes. */
async function isSame(a: string, b: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [first, second] = await Promise.all([a, b].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))));
  return first !== undefined && second !== undefined && crypto.subtle.timingSafeEqual(first, second);
}
