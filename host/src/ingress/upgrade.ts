import { valuesOf, type Headers } from "./headers.ts";
import { badRequest, Refusal } from "./refusal.ts";

/** RFC 6455 4.2.1. @throws Refusal 400, 426; 501 for what is no WebSocket (h2c carries requests past whoever looks at them) */
export function checkUpgrade(httpVersion: string, method: string, headers: Headers): void {
  const [protocol = ""] = valuesOf(headers, "upgrade");
  if (protocol.toLowerCase() !== "websocket") {
    throw new Refusal(501, "UNSUPPORTED", "UPGRADE", "The connection can be upgraded to websocket only");
  }
  if (method !== "GET" || httpVersion !== "1.1") throw badRequest("BAD_UPGRADE", "A WebSocket must begin with GET and HTTP/1.1");
  const [version] = valuesOf(headers, "sec-websocket-version");
  if (version !== "13") {
    const wanted = { "sec-websocket-version": "13" };
    throw new Refusal(426, "INVALID_ARGUMENT", "BAD_UPGRADE", "The Sec-WebSocket-Version must be 13", { headers: wanted });
  }
  const [key = ""] = valuesOf(headers, "sec-websocket-key");
  if (!/^[A-Za-z\d+/]{22}==$/.test(key)) throw badRequest("BAD_UPGRADE", "The Sec-WebSocket-Key must be 16 bytes in base64");
}
