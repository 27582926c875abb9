import { DoError } from "../../../../sdk/src/errors.ts";
import { bounded } from "./body.ts";
import { incoming, outgoing, withoutCredentials } from "./headers.ts";

export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly redirect: "follow" | "manual";
  /** Of the body of the answer; what is longer breaks off. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** What do itself says, which the sender could not. */
  readonly says?: Readonly<Record<string, string>>;
}

export interface Incoming {
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** One request of those that redirects may lead on to. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  /** Without what is between two neighbours. */
  readonly headers: Headers;
  readonly body: Outgoing["body"];
}

/** What came of a hop. */
export interface HopAnswer {
  readonly response: Response;
  /** Where it leads is for who asked to see. */
  readonly isLast: boolean;
}

/** As the Fetch standard has it. */
const MAX_REDIRECTS = 20;
const MAX_URL_CHARACTERS = 16_384;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What the Fetch standard lets nobody send. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/**
 * Sends a request hop by hop, each being decided on anew by `send`.
 * @throws DoError INVALID_ARGUMENT; UPSTREAM; whatever `send` throws
 */
export async function followed(sent: Outgoing, send: (hop: Hop) => Promise<HopAnswer>): Promise<Incoming> {
  const { method } = sent;
  const first = parseUrl(sent.url);
  if (!/^[A-Z][A-Z-]{0,31}$/.test(method) || FORBIDDEN_METHODS.has(method)) throw invalid(`the method ${method.slice(0, 32)} is not sent`);
  let hop: Hop = { url: first, method, headers: outgoing(sent.headers), body: sent.body };
  for (let hops = 0; ; hops++) {
    // oxlint-disable-next-line no-await-in-loop -- one leads to the next
    const { response, isLast } = await send(hop);
    const location = REDIRECTS.has(response.status) && sent.redirect === "follow" && !isLast ? response.headers.get("location") : null;
    if (location === null) return answerOf(sent, hop, hops > 0, response);
    // oxlint-disable-next-line no-await-in-loop -- nobody reads it
    await response.body?.cancel();
    if (hops >= MAX_REDIRECTS) {
      throw new DoError("UPSTREAM", `Cannot fetch: more than ${MAX_REDIRECTS} redirects`, { reason: "TOO_MANY_REDIRECTS" });
    }
    hop = redirected(hop, response.status, parseUrl(location, hop.url));
  }
}

function answerOf({ maxBytes, signal }: Outgoing, { url }: Hop, isRedirected: boolean, { status, headers, body }: Response): Incoming {
  return {
    url: withoutFragment(url),
    redirected: isRedirected,
    status,
    headers: incoming(headers),
    body: body && bounded(body, maxBytes, signal),
  };
}

/** The request that a redirect asks for (Fetch standard, HTTP-redirect fetch). */
function redirected({ url, method, headers: sent, body }: Hop, status: number, next: URL): Hop {
  const headers = next.origin === url.origin ? new Headers(sent) : withoutCredentials(sent);
  if (status === 303 ? method !== "HEAD" : status < 303 && method === "POST") {
    for (const name of ["content-type", "content-language", "content-location"]) headers.delete(name);
    return { url: next, method: "GET", headers, body: undefined };
  }
  if (body instanceof ReadableStream) {
    throw new DoError("UPSTREAM", "Cannot follow a redirect: the body was sent as a stream", { reason: "REDIRECT_OF_STREAM" });
  }
  return { url: next, method, headers, body };
}

/** @throws DoError INVALID_ARGUMENT */
function parseUrl(text: string, base?: URL): URL {
  if (text.length > MAX_URL_CHARACTERS) throw invalid(`the URL must be at most ${MAX_URL_CHARACTERS} characters`);
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (!url) throw invalid("the URL does not parse");
  if (url.username !== "" || url.password !== "") throw invalid("the URL must have no user and password");
  return url;
}

export function withoutFragment(url: URL): string {
  const [text = ""] = url.href.split("#");
  return text;
}

function invalid(why: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot fetch: ${why}`, { reason: "BAD_REQUEST" });
}
