/** What becomes of a request, from its head alone: a Refusal, or exactly what goes on to the front. */
import { checkHeaders, hostOf, pairs, requestHeaders, valuesOf, type Headers } from "./headers.ts";
import type { IngressLimits } from "./limits.ts";
import { badFraming, headerTooLarge, unknownVersion, urlTooLong } from "./parser-refusal.ts";
import { badRequest, bodyTooLarge, Refusal } from "./refusal.ts";
import { decideTarget } from "./target.ts";
import { traceOf, type Trace } from "./trace.ts";

/** As Node's parser gives it. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

export interface Admitted {
  readonly method: string;
  readonly path: string;
  /** Path and query, as the front gets them. */
  readonly target: string;
  readonly host: string;
  readonly headers: Headers;
  /** `undefined`: by chunks. */
  readonly bodyBytes: number | undefined;
  readonly trace: Trace;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** @throws Refusal */
export function decide(head: RequestHead, limits: IngressLimits, random: (bytes: number) => Buffer): Admitted {
  const { method, url, httpVersion } = head;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") throw httpVersion === "0.9" ? withoutVersion() : unknownVersion();
  if (!METHODS.some((known) => known === method)) throw methodNotAllowed();
  if (url.length > limits.urlBytes) throw urlTooLong(limits);
  const headers = pairs(head.rawHeaders);
  if (headers.length > limits.headerCount || sizeOf(headers) > limits.headerBytes) throw headerTooLarge(limits);
  checkHeaders(headers);
  const host = hostOf(headers);
  const bodyBytes = bodyOf(head, headers, limits);
  const { path, query } = decideTarget(url, host);
  const trace = traceOf(valuesOf(headers, "traceparent"), valuesOf(headers, "tracestate"), random);
  return { method, path, target: path + query, host, headers: requestHeaders(headers), bodyBytes, trace };
}

/**
 * The length of the body, said in one way only. What Node's parser lets through is refused here: codings besides
 * chunked, chunks in HTTP/1.0, and a body where none has a meaning, which the next one may take for a request.
 */
function bodyOf({ method, httpVersion }: RequestHead, headers: Headers, { bodyBytes }: IngressLimits): number | undefined {
  const [length] = valuesOf(headers, "content-length");
  const [coding] = valuesOf(headers, "transfer-encoding");
  if (coding !== undefined && (length !== undefined || httpVersion !== "1.1")) throw badFraming();
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    if (coding === "") throw badFraming();
    throw new Refusal(501, "UNSUPPORTED", "TRANSFER_CODING", "The transfer-encoding must be chunked");
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw badFraming();
  const declared = coding === undefined ? Number(length ?? 0) : undefined;
  if ((method === "GET" || method === "HEAD") && declared !== 0) {
    throw badRequest("BODY_NOT_ALLOWED", `A ${method} request must not have a body`);
  }
  if (declared !== undefined && declared > bodyBytes) throw bodyTooLarge(bodyBytes);
  return declared;
}

function sizeOf(headers: Headers): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + ": \r\n".length, 0);
}

export function methodNotAllowed(): Refusal {
  const allowed = METHODS.join(", ");
  return new Refusal(405, "INVALID_ARGUMENT", "METHOD_NOT_ALLOWED", `The method must be one of ${allowed}`, {
    headers: { allow: allowed },
  });
}

function withoutVersion(): Refusal {
  return badRequest("BAD_SYNTAX", "The request line must end in HTTP/1.1");
}
