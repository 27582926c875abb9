/** What travels between two neighbours only (RFC 9110, section 7.6.1), and what says how a message is framed. */
export const HOP_BY_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "expect",
];

/** What would say something of the sender that is for others to say. */
const SAID_BY_OTHERS = [
  "host",
  "via",
  "forwarded",
  "x-real-ip",
  "true-client-ip",
  "x-do-peer",
  "x-do-request-id",
  "x-do-scheme",
  "cdn-loop",
];

/** Headers that no rule sets. */
export const FIXED_HEADERS: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...SAID_BY_OTHERS]);

/** What is not for the place that another one names. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];

/** The headers of a request that go out: without what is between two neighbours, what `Connection` names among it. */
export function outgoing(sent: Headers): Headers {
  const headers = new Headers(sent);
  for (const name of dropped(sent)) headers.delete(name);
  for (const name of sent.keys()) if (/^(?:cf-|x-forwarded-|sec-|(?:x-)?do-)/.test(name)) headers.delete(name);
  return headers;
}

export function withoutCredentials(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of CREDENTIALS) kept.delete(name);
  return kept;
}

/** The headers of an answer as they come in. Its body was decoded, and is as long as it is. */
export function incoming(received: Headers): Headers {
  const headers = new Headers(received);
  for (const name of [...HOP_BY_HOP, ...namedByConnection(received)]) headers.delete(name);
  if (headers.get("content-encoding") !== null) headers.delete("content-encoding");
  return headers;
}

function dropped(sent: Headers): string[] {
  return [...FIXED_HEADERS, ...namedByConnection(sent)];
}

function namedByConnection(headers: Headers): string[] {
  return (headers.get("connection") ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name));
}
