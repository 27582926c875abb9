/** What a shell completes beside names. */
export const SQL_WORDS: readonly string[] =
  "SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET JOIN LEFT INNER CROSS ON USING AS AND OR NOT IN IS NULL LIKE GLOB BETWEEN EXISTS CASE WHEN THEN ELSE END INSERT INTO VALUES UPDATE SET DELETE REPLACE RETURNING CREATE TABLE INDEX VIEW TRIGGER VIRTUAL UNIQUE PRIMARY KEY REFERENCES FOREIGN CHECK DEFAULT STRICT WITHOUT ROWID DROP ALTER ADD COLUMN RENAME WITH RECURSIVE UNION ALL EXCEPT INTERSECT DISTINCT EXPLAIN QUERY PLAN PRAGMA INTEGER TEXT REAL BLOB count sum avg min max coalesce json_extract".split(
    " ",
  );

/**
 * Whether a statement has come to its semicolon. Those inside quotes and comments do not count, nor do those of a trigger
 * before its END. The server reads statements for itself; this only tells when to send.
 */
export function isComplete(text: string): boolean {
  const code = text.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g, " ").trimEnd();
  if (/['"]|\/\*/.test(code) || !code.endsWith(";")) return false;
  return !/^\s*create\s+(?:temp\s+|temporary\s+)?trigger\b/i.test(code) || /;\s*end\s*;$/i.test(code);
}
