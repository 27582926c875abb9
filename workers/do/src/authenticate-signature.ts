import { createHmac } from "node:crypto";
import { accountsOf } from "../../core-services/auth/accounts.ts";
import { canonicalRequest, isRecent, parseAuthorization, signatureOf, type Signature } from "../../core-services/queue/sigv4.ts";
import type { Authority } from "./capabilities.ts";
import type { SigningKey } from "./authenticate.ts";
import { DoError } from "./errors.ts";

/** A door that takes signed requests (AWS Signature Version 4), and what a signature may be used for there. */
export interface SignedService {
  /** As the credential scope names it. */
  readonly name: string;
  readonly scopes: readonly string[];
}

export const SQS: SignedService = { name: "sqs", scopes: ["queue:*"] };
export const SQS_PATH = "/sqs";

/** An access key id: the tag of the tenant, then the id of the key. */
const ACCESS_KEY_ID = /^([0-9A-HJKMNP-TV-Z]{8})([0-7][0-9A-HJKMNP-TV-Z]{25})$/;
const encoder = new TextEncoder();

/**
 * What the caller's API key signs with. The secret is made from the root key and the id of the API key, so that nothing has
 * to be stored to check a signature, and so that neither what is stored of a key nor the key itself is in it.
 * @throws DoError PERMISSION_DENIED for code, UNSUPPORTED for who has not come by an API key
 */
export async function signingCredentialsOf(env: Cloudflare.Env, { principal, via }: Authority) {
  if (via.isGuest) {
    throw new DoError("PERMISSION_DENIED", "Cannot give code what the key signs with: it would outlive the code", { reason: "GUEST" });
  }
  const keyId = via.credential?.id;
  if (principal.kind !== "key" || keyId === undefined || !keyId.startsWith("key_")) {
    throw new DoError("UNSUPPORTED", "Only an API key has credentials for SQS: make one with auth.createApiKey, and ask with it", {
      reason: "NO_API_KEY",
    });
  }
  const accessKeyId = `${await accountsOf(env).tagOf(principal.tenant)}${keyId.slice("key_".length)}`;
  return { accessKeyId, secretAccessKey: secretOf(env, accessKeyId), region: "do", path: SQS_PATH };
}

/** The key whose signature a request bears. Whether that key is good is asked next. @throws DoError UNAUTHENTICATED */
export async function signingKeyOf(
  env: Cloudflare.Env,
  request: Request,
  body: Uint8Array,
  { name }: SignedService,
  nowMs: number,
): Promise<SigningKey> {
  const given = parseAuthorization(request.headers.get("authorization") ?? "");
  if (!given || given.service !== name) throw badSignature(`the Authorization header must be AWS4-HMAC-SHA256 for the service ${name}`);
  const [, tag, ulid] = ACCESS_KEY_ID.exec(given.accessKeyId) ?? [];
  if (tag === undefined || ulid === undefined) throw badSignature("there is no such access key");
  const date = request.headers.get("x-amz-date") ?? "";
  if (!isRecent(date, given, nowMs))
    throw badSignature("x-amz-date must be within 15 minutes of now, and of the day in the credential", "REQUEST_EXPIRED");
  const missing = unsignedHeader(request.headers, given);
  if (missing !== undefined) throw badSignature(`the header ${missing} must be signed`);
  const expected = signatureOf(secretOf(env, given.accessKeyId), given, date, canonicalRequest(request, body, given.signedHeaders));
  if (!crypto.subtle.timingSafeEqual(encoder.encode(expected), encoder.encode(given.signature))) {
    throw badSignature("the signature is not that of this request with this key", "SIGNATURE_DOES_NOT_MATCH");
  }
  return { tag, keyId: `key_${ulid}` };
}

/** What is not signed could be anybody's. */
function unsignedHeader(headers: Headers, { signedHeaders }: Signature): string | undefined {
  const wanted = ["host", "x-amz-date", ...[...headers.keys()].filter((name) => name.startsWith("x-amz-"))];
  return wanted.find((name) => !signedHeaders.includes(name));
}

function secretOf(env: Cloudflare.Env, accessKeyId: string): string {
  const ofDeployment = createHmac("sha256", env.DO_ROOT_KEY ?? "")
    .update("do signing secrets 1")
    .digest();
  return createHmac("sha256", ofDeployment).update(accessKeyId).digest("base64url");
}

function badSignature(why: string, reason = "BAD_SIGNATURE"): DoError {
  return new DoError("UNAUTHENTICATED", `Cannot authenticate: ${why}`, { reason });
}
