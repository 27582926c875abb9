import { DoError } from "../../../sdk/src/errors.ts";
import { byteLength } from "../shared/hash.ts";
import { DB_LIMITS } from "./schema.ts";

/**
 * What may stand between two tokens, or inside one, without being code: strings, quoted names, comments. Each may also
 * end with the text, so that an open bracket is read once and not once for each bracket before it.
 */
const OPAQUE = /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;

/** Refuses what SQLite would run and we do not: a second statement in one call, a statement over the size. */
export function checkStatement(sql: string): void {
  const bytes = byteLength(sql);
  if (bytes > DB_LIMITS.statementBytes) {
    throw new DoError("TOO_LARGE", `Cannot run SQL: statement must be at most ${DB_LIMITS.statementBytes} bytes, got ${bytes}`);
  }
  const code = sql.replaceAll(OPAQUE, (token) => (token.startsWith("-") || token.startsWith("/") ? " " : "x"));
  const rest = code.slice(statementEnd(code));
  if (rest.replaceAll(";", "").trim() !== "") {
    throw new DoError("INVALID_ARGUMENT", "Cannot run SQL: one statement per call", { reason: "MULTI_STATEMENT" });
  }
}

/** Where the first statement ends. A trigger's body holds semicolons of its own: it ends with the END of its BEGIN. */
function statementEnd(code: string): number {
  const semicolon = code.indexOf(";");
  if (semicolon === -1) return code.length;
  if (!/^\s*create\s+(?:temp\s+|temporary\s+)?trigger\b/i.test(code)) return semicolon;
  let depth = 0;
  for (const word of code.matchAll(/\b(?:begin|case|end)\b/gi)) {
    depth += word[0].toLowerCase() === "end" ? -1 : 1;
    if (depth === 0) return word.index + word[0].length;
  }
  return code.length;
}
