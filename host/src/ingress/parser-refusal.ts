/** What Node's parser refuses, as an answer. */
import { badRequest, bodyTooLarge, Refusal, tooSlow } from "./refusal.ts";
import type { IngressLimits } from "./limits.ts";

/** An error of `clientError`: its code, the bytes that had arrived, and how many of them were right. */
export interface ParserError {
  readonly code?: string;
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/** `undefined`: there is nobody to answer, or nothing to say. */
export function parserRefusal(error: ParserError, limits: IngressLimits): Refusal | undefined {
  const { code = "" } = error;
  const line = lineOf(error);
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return tooSlow(`The head of a request must arrive within ${limits.headersMs} ms, all of it within ${limits.bodyMs} ms`);
    case "HPE_HEADER_OVERFLOW":
      return /^[A-Z]+ \S/.test(line) ? urlTooLong(limits) : headerTooLarge(limits);
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return bodyTooLarge(limits.bodyBytes);
    case "HPE_PAUSED_H2_UPGRADE":
      return unknownVersion();
    case "HPE_INVALID_VERSION":
      return /^\S+ \S+ HTTP\/\d+(?:\.\d+)?\r\n/.test(line) ? unknownVersion() : syntax(code);
    case "HPE_INVALID_METHOD":
      return /^[!#$%&'*+.^`|~\w-]{1,64} \S+ HTTP\/1\.[01]\r\n/.test(line) ? unknownMethod() : syntax(code);
    case "HPE_INVALID_CONSTANT":
      // "Invalid method for HTTP/x.x request": those of RTSP.
      return /^[A-Z]+ \S+ HTTP\/1\.[01]\r\n/.test(line) ? unknownMethod() : syntax(code);
    default:
      return code.startsWith("HPE_") ? syntax(code) : undefined;
  }
}

/** The line in which it went wrong, as far as it came with the same packet. */
function lineOf({ rawPacket, bytesParsed = 0 }: ParserError): string {
  if (!rawPacket) return "";
  const before = bytesParsed === 0 ? -1 : rawPacket.lastIndexOf("\r\n", bytesParsed - 1);
  const start = before === -1 ? 0 : before + 2;
  const end = rawPacket.indexOf("\r\n", start);
  return rawPacket.subarray(start, end === -1 ? rawPacket.length : end + 2).toString("latin1");
}

export function headerTooLarge({ headerBytes, headerCount }: IngressLimits): Refusal {
  const message = `The headers must be at most ${headerCount}, of at most ${headerBytes} bytes together`;
  return new Refusal(431, "TOO_LARGE", "HEADERS_TOO_LARGE", message);
}

export function urlTooLong({ urlBytes }: IngressLimits): Refusal {
  return new Refusal(414, "TOO_LARGE", "URL_TOO_LONG", `The URL must be at most ${urlBytes} bytes`);
}

export function unknownVersion(): Refusal {
  return new Refusal(505, "UNSUPPORTED", "HTTP_VERSION", "The version must be HTTP/1.1 or HTTP/1.0");
}

function unknownMethod(): Refusal {
  return new Refusal(501, "UNSUPPORTED", "UNKNOWN_METHOD", "The method is none that do knows");
}

const FRAMING = "The length of the body must be said once, by Content-Length or by Transfer-Encoding: chunked";

/** One sentence for each kind: the parser's own would be another with each version of Node. */
function syntax(code: string): Refusal {
  switch (code) {
    case "HPE_INVALID_CONTENT_LENGTH":
    case "HPE_UNEXPECTED_CONTENT_LENGTH":
    case "HPE_INVALID_TRANSFER_ENCODING":
      return badRequest("BAD_FRAMING", FRAMING);
    case "HPE_INVALID_CHUNK_SIZE":
    case "HPE_STRICT":
      return badRequest("BAD_CHUNK", "The body must be chunks as RFC 9112 has them");
    case "HPE_INVALID_URL":
      return badRequest("BAD_TARGET", "The target must be a path of visible ASCII characters");
    case "HPE_INVALID_EOF_STATE":
      return badRequest("INCOMPLETE", "The request ended before it was complete");
    default:
      return badRequest("BAD_SYNTAX", "The request must be HTTP/1.1 as RFC 9112 has it");
  }
}

export function badFraming(): Refusal {
  return badRequest("BAD_FRAMING", FRAMING);
}
