import { DoError } from "../../../sdk/src/errors.ts";
import { byteLength } from "../shared/hash.ts";
import { DB_LIMITS } from "./schema.ts";

/** What may stand between two tokens, or inside one, without being code: strings, quoted names, comments. */
const OPAQUE = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;

/**
 * Refuses what SQLite would run and we do not: a second statement in one call, a statement over the size.
 * A trigger's body holds semicolons of its own: it ends at its END.
 */
export function checkStatement(sql: string): void {
  const bytes = byteLength(sql);
  if (bytes > DB_LIMITS.statementBytes) {
    throw new DoError("TOO_LARGE", `Cannot run SQL: statement must be at most ${DB_LIMITS.statementBytes} bytes, got ${bytes}`);
  }
  const code = sql.replaceAll(OPAQUE, (token) => (token.startsWith("-") || token.startsWith("/") ? " " : "x"));
  const trigger = /^\s*create\s+(temp\s+|temporary\s+)?trigger\b/i.test(code);
  const end = trigger ? code.search(/\bend\s*(;|$)/i) : code.indexOf(";");
  if (end === -1) return;
  const rest = trigger ? code.slice(end).replace(/^end\s*;?/i, "") : code.slice(end + 1);
  if (rest.replaceAll(";", "").trim() !== "") {
    throw new DoError("INVALID_ARGUMENT", "Cannot run SQL: one statement per call", { reason: "MULTI_STATEMENT" });
  }
}
