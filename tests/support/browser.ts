/** What a browser makes of CORS, as the Fetch standard has it: the judge of what the gateway says. */

/** https://fetch.spec.whatwg.org/#concept-cors-check */
export function mayRead(headers: Headers, origin: string, withCredentials: boolean): boolean {
  const allowed = headers.get("access-control-allow-origin");
  if (allowed === "*" && !withCredentials) return true;
  if (allowed !== origin) return false;
  return !withCredentials || headers.get("access-control-allow-credentials") === "true";
}

export interface Wanted {
  readonly origin: string;
  readonly method: string;
  /** In lower case; those that need leave. */
  readonly headers: readonly string[];
  readonly withCredentials: boolean;
}

/** https://fetch.spec.whatwg.org/#cors-preflight-fetch, from its seventh step on */
export function maySend(status: number, headers: Headers, { origin, method, headers: sent, withCredentials }: Wanted): boolean {
  if (!mayRead(headers, origin, withCredentials) || status < 200 || status > 299) return false;
  const list = (name: string) => (headers.get(name) ?? "").split(",").map((one) => one.trim());
  const methods = list("access-control-allow-methods");
  const isSafe = ["GET", "HEAD", "POST"].includes(method);
  if (!isSafe && !methods.includes(method) && (withCredentials || !methods.includes("*"))) return false;
  const names = list("access-control-allow-headers").map((name) => name.toLowerCase());
  return sent.every((name) => names.includes(name) || (!withCredentials && name !== "authorization" && names.includes("*")));
}
