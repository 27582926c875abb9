/** A text that could be what is imported: `zod`, `@scope/name`, each perhaps with a path behind it. */
const BARE = /["'`]((?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*)(?:\/[^"'`\s]*)?["'`]/g;
const MOST_NAMES = 5_000;

/** Names of packages that files may import. Pure; more rather than less, since the store says which of them there are. */
export function importedNames(files: readonly (readonly [path: string, text: string])[]): string[] {
  const names = new Set<string>();
  for (const [, text] of files) {
    // Of text alone, without an import, nothing can be one.
    if (!/\b(?:import|require|from)\b/.test(text)) continue;
    for (const [, name = ""] of text.matchAll(BARE)) if (name.length <= 214) names.add(name);
    if (names.size > MOST_NAMES) break;
  }
  return [...names].slice(0, MOST_NAMES);
}
