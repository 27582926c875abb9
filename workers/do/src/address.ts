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
