import { createHash, createHmac } from "node:crypto";

/** What an Authorization header of AWS Signature Version 4 says. */
export interface Signature {
  readonly accessKeyId: string;
  /** YYYYMMDD */
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=(\w{16,128})\/(\d{8})\/([\w-]{1,64})\/([\w-]{1,32})\/aws4_request, *SignedHeaders=([a-z0-9;-]{1,1024}), *Signature=([0-9a-f]{64})$/;
/** Fifteen minutes, as AWS has it. */
const SKEW_MS = 900_000;

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
export function parseAuthorization(header: string): Signature | undefined {
  const [, accessKeyId, day, region, service, signed, signature] = AUTHORIZATION.exec(header) ?? [];
  if (accessKeyId === undefined || day === undefined || region === undefined || service === undefined) return undefined;
  if (signed === undefined || signature === undefined) return undefined;
  return { accessKeyId, day, region, service, signedHeaders: signed.split(";"), signature };
}

/** @param date `x-amz-date`, as 20261121T133000Z */
export function isRecent(date: string, { day }: Signature, nowMs: number): boolean {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(date) ?? [];
  if (s === undefined) return false;
  const atMs = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
  return date.startsWith(day) && Math.abs(atMs - nowMs) <= SKEW_MS;
}

/** The request as both sides write it down. */
export function canonicalRequest(request: Request, body: Uint8Array, signedHeaders: readonly string[]): string {
  const { pathname, searchParams } = new URL(request.url);
  const path = pathname.split("/").map(uriEncode).join("/");
  const query = [...searchParams]
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const headers = signedHeaders.map((name) => `${name}:${(request.headers.get(name) ?? "").trim().replaceAll(/ +/g, " ")}\n`).join("");
  return [request.method, path, query, headers, signedHeaders.join(";"), sha256(body)].join("\n");
}

/** In hex. */
export function signatureOf(secret: string, { day, region, service }: Signature, date: string, canonical: string): string {
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = [ALGORITHM, date, scope, sha256(canonical)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<Uint8Array>(
    (secretSoFar, part) => hmac(secretSoFar, part),
    new TextEncoder().encode(`AWS4${secret}`),
  );
  return createHmac("sha256", key).update(toSign).digest("hex");
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** RFC 3986: all but the unreserved. */
function uriEncode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
