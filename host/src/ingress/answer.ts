/** Answers of the ingress's own: RFC 9457 problems, like those of do. */
import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import { toProblem } from "../../../sdk/src/problem.ts";
import { DoError } from "../../../sdk/src/errors.ts";
import type { Refusal } from "./refusal.ts";

interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function answerOf(refusal: Refusal, requestId: string): Answer {
  const { code, message, reason, retryable, retryAfterMs, details, status } = refusal;
  const known = new DoError(code, message, { reason, retryable, retryAfterMs, details, requestId });
  const body = Buffer.from(JSON.stringify({ ...toProblem(known).body, status }));
  const headers = {
    ...refusal.headers,
    "content-type": "application/problem+json",
    "content-length": String(body.length),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
    ...(retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
  };
  return { headers, body };
}

/** For a request that Node's server holds: the connection stays. */
export function sendRefusal(response: ServerResponse, refusal: Refusal, requestId: string): void {
  const { headers, body } = answerOf(refusal, requestId);
  response.writeHead(refusal.status, headers).end(body);
}

/** For a connection that says nothing more after it: the parser may hold no request, or one that will never be whole. */
export function refusalBytes(refusal: Refusal, requestId: string, isHead = false): Buffer {
  const { headers, body } = answerOf(refusal, requestId);
  const lines = [`date: ${new Date().toUTCString()}`, "connection: close", ...Object.entries(headers).map((pair) => pair.join(": "))];
  const head = Buffer.from(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return isHead ? head : Buffer.concat([head, body]);
}
