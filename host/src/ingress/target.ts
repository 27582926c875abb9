/** Where a request goes, decided once on its path: what is forwarded is the very text that was decided on. */
import { badRequest } from "./refusal.ts";

export interface Target {
  /** Begins with a slash; none of its segments is a way up. */
  readonly path: string;
  /** With its question mark; empty without a query. */
  readonly query: string;
}

/** What a URL may have in a path once a browser has written it (RFC 3986, and the few that WHATWG leaves as they are). */
const PATH = /^\/[\w\-.~!$&'()*+,;=:@%/|[\]^]*$/;
const QUERY = /^(?:\?[\x21\x24-\x3b\x3d\x3f-\x7e]*)?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i;

/** Separators and ends of text that hide in an escape: the next decoder would see another path than we did. */
const HIDDEN = /%(?:[01][\da-f]|7f|2f|5c)/i;
/** The same and dots, escaped twice. */
const HIDDEN_TWICE = /%25(?:[01][\da-f]|7f|2f|5c|2e)/i;

/** @throws Refusal 400 */
export function decideTarget(text: string, host: string): Target {
  const origin = originForm(text, host);
  const mark = origin.indexOf("?");
  const [path, query] = mark === -1 ? [origin, ""] : [origin.slice(0, mark), origin.slice(mark)];
  checkPath(path);
  if (!QUERY.test(query)) throw badRequest("BAD_TARGET", 'The query must be visible ASCII without " # < >');
  return { path, query };
}

/** RFC 9112 3.2.2: also the absolute form must be understood. It may not name another host than Host does. */
function originForm(text: string, host: string): string {
  if (text.startsWith("/")) return text;
  const [, authority, rest = ""] = ABSOLUTE.exec(text) ?? [];
  if (authority === undefined) throw badRequest("BAD_TARGET", "The target must be a path");
  if (authority.toLowerCase() !== host.toLowerCase())
    throw badRequest("BAD_HOST", "The host of the target must be that of the Host header");
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function checkPath(path: string): void {
  if (!PATH.test(path)) throw badRequest("BAD_PATH", 'The path must be visible ASCII without \\ # < > " ` { }; escape them');
  if (path.includes("//")) throw badRequest("BAD_PATH", "The path must not have an empty segment (//)");
  if (/%(?![\da-f]{2})/i.test(path)) throw badRequest("BAD_PATH", "A % in the path must begin an escape of two hexadecimal digits");
  if (HIDDEN.test(path) || HIDDEN_TWICE.test(path)) {
    throw badRequest("BAD_PATH", "The path must not have an escaped slash, backslash or control character");
  }
  const segments = decoded(path).split("/");
  if (segments.some(isWayUp)) throw badRequest("BAD_PATH", "The path must not have a segment . or ..");
}

/** Some routers cut `..;x` at the semicolon. */
function isWayUp(segment: string): boolean {
  return /^\.\.?(?:;|$)/.test(segment);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw badRequest("BAD_PATH", "The escapes of the path must be UTF-8");
  }
}
