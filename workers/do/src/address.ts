import { isIP } from "node:net";

/**
 * Where a request comes from, as the ingress that is trusted says: its own header, which it takes from nobody else.
 * Undefined when none is trusted, or when it says nothing.
 */
export function addressOf(request: Request, trusted: string | undefined): string | undefined {
  const header = HEADERS.get(trusted ?? "");
  const said = header === undefined ? undefined : request.headers.get(header)?.trim();
  return said !== undefined && isIP(said) !== 0 ? said : undefined;
}

const HEADERS: ReadonlyMap<string, string> = new Map([
  ["host", "x-do-peer"],
  ["cloudflare", "cf-connecting-ip"],
]);

/** The id that the host's ingress has put into its log, so that both logs name the request alike. */
export function requestIdOf(request: Request, trusted: string | undefined): { requestId?: string } {
  const requestId = trusted === "host" ? (request.headers.get("x-do-request-id") ?? "") : "";
  return /^req_[0-9A-HJKMNP-TV-Z]{26}$/.test(requestId) ? { requestId } : {};
}
