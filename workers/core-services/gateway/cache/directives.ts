/** `Cache-Control` and its like, by name in lower case: a value, or "" where there is none. The first of a name counts. */
export type Directives = ReadonlyMap<string, string>;

/** Longer than anything is kept: what overflows is this (RFC 9111, section 1.2.2). */
const MAX_SECONDS = 2_147_483_648;

/** @see https://www.rfc-editor.org/rfc/rfc9111#section-5.2 */
export function parseDirectives(header: string | null): Directives {
  const found = new Map<string, string>();
  // A comma inside of quotes ends nothing.
  for (const [, name = "", quoted, plain] of (header ?? "").matchAll(
    /(?:^|,)\s*([^\s,=";]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g,
  )) {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, quoted ?? plain ?? "");
  }
  return found;
}

/** The seconds that a directive says; undefined when it is not there, 0 for what is no number: then nothing is fresh by it. */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  return /^\d+$/.test(value) ? Math.min(Number(value), MAX_SECONDS) : 0;
}
