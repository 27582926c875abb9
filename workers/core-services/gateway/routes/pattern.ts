/** Paths of routes: URLPattern's syntax, without what would be a pattern of backtracking in the front. */

const MAX_PATTERN_CHARACTERS = 512;
/** Of a path that is matched: with two `*` the work is at most its square. */
export const MAX_PATH_CHARACTERS = 2_048;
const MAX_WILDCARDS = 2;

/** What is wrong with a path pattern, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith("/")) return "must begin with /";
  if (pattern.length > MAX_PATTERN_CHARACTERS) return `must be at most ${MAX_PATTERN_CHARACTERS} characters`;
  if (/[(){}\\+?#]/.test(pattern.replaceAll(/:\w+\?(?=\/|$)/g, ":x"))) return "must have literals, :name, :name? and * only";
  if (/:\w+\*|\*\*/.test(pattern) || pattern.split("*").length - 1 > MAX_WILDCARDS)
    return `must have at most ${MAX_WILDCARDS} * , each by itself`;
  const crowded = pattern.split("/").find((segment) => segment.split(/:\w+|\*/).length > 2);
  if (crowded !== undefined) return `must have one :name or * in a segment, not "${crowded}"`;
  // As URLs are written: a `..` or `%2e` in a pattern could never match.
  const plain = pattern.replaceAll(/:\w+\??|\*/g, "x");
  if (!URL.canParse(plain, "http://x") || new URL(plain, "http://x").pathname !== plain) {
    return "must be spelled as in a URL, without . and .. and with what needs it percent-encoded";
  }
  try {
    return new URLPattern({ pathname: pattern }).hasRegExpGroups ? "must have no groups" : undefined;
  } catch {
    return "is no pattern of URLPattern";
  }
}

/** The names that a pattern gives to what it matches: those of `:name`, and `0`, `1` of each `*`. */
export function groupsOf(pattern: string): string[] {
  let stars = 0;
  return [...pattern.matchAll(/:(\w+)|\*/g)].map(([, name]) => name ?? String(stars++));
}

/** Characters of a pattern that say what a path is: with more of them it is about less. */
export function literalCharacters(pattern: string): number {
  return pattern.replaceAll(/:\w+\??|\*/g, "").length;
}

/**
 * Whether one reads the path as another path than the next one does: an encoded slash, backslash or dot, or a NUL. Rules by prefix
 * and the place that is asked must not differ about it.
 */
export function isAmbiguous(pathname: string): boolean {
  return /%2f|%5c|%2e|%00|\\|\/\.{1,2};/i.test(pathname) || pathname.includes("//");
}
