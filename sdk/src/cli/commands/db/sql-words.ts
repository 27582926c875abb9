/** What a shell completes beside names. */
export const SQL_WORDS: readonly string[] =
  "SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET JOIN LEFT INNER CROSS ON USING AS AND OR NOT IN IS NULL LIKE GLOB BETWEEN EXISTS CASE WHEN THEN ELSE END INSERT INTO VALUES UPDATE SET DELETE REPLACE RETURNING CREATE TABLE INDEX VIEW TRIGGER VIRTUAL UNIQUE PRIMARY KEY REFERENCES FOREIGN CHECK DEFAULT STRICT WITHOUT ROWID DROP ALTER ADD COLUMN RENAME WITH RECURSIVE UNION ALL EXCEPT INTERSECT DISTINCT EXPLAIN QUERY PLAN PRAGMA INTEGER TEXT REAL BLOB count sum avg min max coalesce json_extract".split(
    " ",
  );

/** What stands between quotes or in a comment is one piece; one that has no end yet takes the rest. */
const PIECE = /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;|\w+|\s+|[^]/g;

/**
 * The first statement of a text, to its semicolon, and what follows it; undefined while it has none. Semicolons inside
 * quotes and comments do not count, nor do those of a trigger before its END. The server reads statements for itself;
 * this only tells when to send.
 */
export function takeStatement(text: string): { statement: string; rest: string } | undefined {
  const words: string[] = [];
  for (const { 0: piece, index } of text.matchAll(PIECE)) {
    if (/^(?:\s|--|\/\*)/.test(piece)) continue;
    words.push(piece.toLowerCase());
    const end = index + piece.length;
    if (piece === ";" && isEnd(words)) return { statement: text.slice(0, end).trim(), rest: text.slice(end) };
  }
  return undefined;
}

function isEnd(words: readonly string[]): boolean {
  const isTrigger = words[0] === "create" && words.slice(1, 3).includes("trigger");
  return !isTrigger || (words.at(-2) === "end" && words.at(-3) === ";");
}
