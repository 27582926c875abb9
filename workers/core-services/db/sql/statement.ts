import { DoError } from "../../../../sdk/src/errors.ts";
import { byteLength } from "../../shared/hash.ts";
import { DB_LIMITS } from "../limits.ts";

/**
 * One token that counts: SQLite's own rules for what is opaque. A string, quoted name or comment may also end with the
 * text, so that an open bracket is read once and not once for each bracket before it.
 */
const TOKEN =
  /(?<space>[\t\n\v\f\r ]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<quoted>'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$))|(?<word>[\w$\u0080-\uffff]+)|(?<mark>[\s\S])/g;

/**
 * PRAGMAs that tell and change nothing. The others change the connection, some while they are prepared, and with it what
 * later statements do. Through a SELECT (`pragma_table_info('t')`) SQLite itself offers only those without effects.
 */
const PRAGMAS = new Set([
  "table_info",
  "table_xinfo",
  "table_list",
  "index_list",
  "index_info",
  "index_xinfo",
  "foreign_key_list",
  "foreign_key_check",
  "quick_check",
]);

export interface Statement {
  readonly sql: string;
  /** It is EXPLAIN already: it tells what would be done, and does nothing. */
  readonly isExplain: boolean;
  /** By SQLite's grammar what begins so never writes; what does not may only read all the same. */
  readonly isSelect: boolean;
}

/**
 * Refuses what SQLite would run and we do not: a second statement in one call, a statement over the size, a PRAGMA
 * that changes the connection. What is left is one statement, also for SQLite.
 */
export function checkStatement(sql: string): Statement {
  const bytes = byteLength(sql);
  if (bytes > DB_LIMITS.statementBytes) {
    throw new DoError("TOO_LARGE", `Cannot run SQL: statement must be at most ${DB_LIMITS.statementBytes} bytes, got ${bytes}`);
  }
  // SQLite ends at the first one, and what follows would be read by us alone.
  if (sql.includes("\0")) throw refused("it holds a NUL character", "BAD_CHARACTER");
  const tokens = tokensOf(sql).map(({ text }) => text);
  if (tokens.slice(statementEnd(tokens)).some((token) => token !== ";")) throw refused("one statement per call", "MULTI_STATEMENT");
  if (tokens.every((token) => token === ";")) throw refused("there is no statement", "SQL_ERROR");
  const body = withoutExplain(tokens);
  if (body[0] === "pragma") checkPragma(body);
  return { sql, isExplain: tokens[0] === "explain", isSelect: tokens[0] === "select" || tokens[0] === "values" };
}

/** Each statement of a script, for migrations. @throws DoError INVALID_ARGUMENT */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let rest = script;
  while (tokensOf(rest).some(({ text }) => text !== ";")) {
    const tokens = tokensOf(rest);
    const at = tokens[statementEnd(tokens.map(({ text }) => text)) - 1]?.end ?? rest.length;
    const statement = rest.slice(0, at);
    if (tokensOf(statement).some(({ text }) => text !== ";")) statements.push(statement);
    rest = rest.slice(at);
  }
  return statements;
}

interface Token {
  /** Words in lower case, marks as they are, `'` for all that is quoted. */
  readonly text: string;
  readonly end: number;
}

/** Without space and comments. */
function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  for (const { 0: all, index, groups } of sql.matchAll(TOKEN)) {
    if (groups?.["space"] !== undefined) continue;
    const text = groups?.["word"]?.toLowerCase() ?? (groups?.["quoted"] === undefined ? all : "'");
    tokens.push({ text, end: index + all.length });
  }
  // `$name(...)` is one parameter to SQLite, whatever stands in the brackets: a quote there would hide the end of the
  // statement from us. Parameters here have places, not names.
  if (tokens.some(({ text }) => text.startsWith("$") || text === "@" || text === ":" || text === "#")) {
    throw refused("a parameter is ? or ?1; there are no named ones", "NAMED_PARAMETER");
  }
  return tokens;
}

/** How many tokens the first statement has, its semicolon too. A trigger holds semicolons of its own; it ends with `; END`. */
function statementEnd(tokens: readonly string[]): number {
  const body = withoutExplain(tokens);
  const isTemp = body[1] === "temp" || body[1] === "temporary";
  const isTrigger = body[0] === "create" && body[isTemp ? 2 : 1] === "trigger";
  const last = isTrigger ? body.findIndex((token, i) => token === "end" && body[i - 1] === ";") : body.indexOf(";");
  // A trigger without its end is no statement: SQLite says so at the first semicolon.
  return last === -1 ? tokens.length : tokens.length - body.length + last + 1;
}

function withoutExplain(tokens: readonly string[]): readonly string[] {
  if (tokens[0] !== "explain") return tokens;
  return tokens.slice(tokens[1] === "query" && tokens[2] === "plan" ? 3 : 1);
}

function checkPragma(tokens: readonly string[]): void {
  const name = tokens[2] === "." ? tokens[3] : tokens[1];
  if (name !== undefined && PRAGMAS.has(name) && !tokens.includes("=")) return;
  throw refused(`there is no such PRAGMA here; there are ${[...PRAGMAS].join(", ")}`, "PRAGMA");
}

function refused(problem: string, reason: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot run SQL: ${problem}`, { reason });
}
