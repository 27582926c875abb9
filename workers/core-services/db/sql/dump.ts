import * as z from "zod";
import { DoError } from "../../../../sdk/src/errors.ts";
import { DB_LIMITS } from "../limits.ts";

/** A cell as text that loses nothing: its type's first letter, then the value; a blob in hex. */
const Cell = z.union([z.null(), z.string().regex(/^(?:i-?\d{1,19}|r(?:-?[\d.e+-]+|-?Infinity)|t[\s\S]*|b(?:[0-9A-F]{2})*)$/)]);

const Identifier = z.string().min(1).max(1_000);

/** A line of a dump. Rows are not SQL: a statement has a size that a row may exceed. */
export const SqlLine = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("sql"), sql: z.string() }),
  z.strictObject({ type: z.literal("row"), table: Identifier, columns: z.array(Identifier).max(100), values: z.array(Cell).max(100) }),
  z.strictObject({ type: z.literal("sequence"), table: Identifier, value: z.int() }),
]);
export type SqlLine = z.infer<typeof SqlLine>;
type Cell = z.infer<typeof Cell>;

interface Table extends Record<string, SqlStorageValue> {
  name: string;
  sql: string;
  kind: string;
  without_rowid: number;
}

/**
 * The tenant's tables: definitions, rows, then what hangs on them (indexes, triggers, views). All of one moment, because
 * nothing else runs meanwhile.
 *
 * @throws DoError TOO_LARGE when it is more than can be held
 */
export function dumpOf(sql: SqlStorage): string[] {
  const lines: string[] = [];
  let size = 0;
  // Statements are read to their end also when it is too much: one that has not ended locks its tables.
  const add = (line: SqlLine) => {
    const text = JSON.stringify(line);
    size += text.length;
    if (size <= DB_LIMITS.dumpBytes) lines.push(text);
  };
  // As lines rows are seldom shorter than half; a much larger file need not be read.
  if (sql.databaseSize > 2 * DB_LIMITS.dumpBytes) throw tooLarge();
  const tables = tablesOf(sql);
  for (const table of tables) add({ type: "sql", sql: table.sql });
  for (const table of tables) for (const line of rowsOf(sql, table)) add(line);
  for (const line of sequencesOf(sql)) add(line);
  for (const { sql: made } of sql.exec<{ sql: string }>(
    "SELECT sql FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL ORDER BY type = 'trigger', rowid",
  )) {
    add({ type: "sql", sql: made });
  }
  if (size > DB_LIMITS.dumpBytes) throw tooLarge();
  return lines;
}

function tooLarge(): DoError {
  return new DoError("TOO_LARGE", `Cannot dump the SQL tables: a dump may have at most ${DB_LIMITS.dumpBytes} bytes`, { reason: "DUMP" });
}

/** Shadow tables of a virtual table are its own to make. */
function tablesOf(sql: SqlStorage): Table[] {
  return sql
    .exec<Table>(
      `SELECT s.name, s.sql, l.type AS kind, l.wr AS without_rowid FROM sqlite_schema s
       JOIN pragma_table_list l ON l.name = s.name AND l.schema = 'main'
       WHERE s.type = 'table' AND l.type IN ('table', 'virtual') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND s.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY s.rowid`,
    )
    .toArray();
}

function* rowsOf(sql: SqlStorage, { name, sql: made, kind, without_rowid }: Table): Generator<SqlLine> {
  // Generated columns (hidden 2 and 3) make themselves; a virtual table has hidden ones of its own (1).
  const names = sql
    .exec<{ name: string }>("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", name)
    .toArray()
    .map((column) => column.name);
  // The number of a row counts too, where it is not a column anyway: other tables may point to it.
  const isNumbered = kind === "virtual" ? /\busing\s+fts5\b/i.test(made) : without_rowid === 0;
  const columns = isNumbered && !names.some((column) => column.toLowerCase() === "rowid") ? ["rowid", ...names] : names;
  const cells = columns.map(quoted).map((column) => `typeof(${column}), ${exact(column)}`);
  for (const row of sql.exec(`SELECT ${cells.join(", ")} FROM ${quoted(name)}`).raw()) {
    yield { type: "row", table: name, columns, values: columns.map((_, i) => toCellText(row[2 * i], row[2 * i + 1])) };
  }
}

function exact(column: string): string {
  return `CASE typeof(${column}) WHEN 'integer' THEN CAST(${column} AS TEXT) WHEN 'blob' THEN hex(${column}) ELSE ${column} END`;
}

/** Blobs and integers come as text already. */
function toCellText(type: SqlStorageValue | undefined, value: SqlStorageValue | undefined): Cell {
  if (typeof type !== "string" || (typeof value !== "string" && typeof value !== "number")) return null;
  return `${type.slice(0, 1)}${value}`;
}

function* sequencesOf(sql: SqlStorage): Generator<SqlLine> {
  const [hasAny] = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").toArray();
  if (!hasAny) return;
  for (const { name, seq } of sql.exec<{ name: string; seq: number }>("SELECT name, seq FROM sqlite_sequence")) {
    yield { type: "sequence", table: name, value: seq };
  }
}

/** Does what a line says. In a transaction of the caller, with foreign keys checked at its end. */
export function undump(sql: SqlStorage, line: SqlLine): void {
  switch (line.type) {
    case "sql":
      sql.exec(line.sql);
      return;
    case "sequence":
      sql.exec("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", line.value, line.table);
      return;
    case "row": {
      const cells = line.values.map(fromCellText);
      const values = cells.map(({ text }) => text ?? "?").join(", ");
      const bound = cells.flatMap(({ text, value }) => (text === undefined ? [value] : []));
      sql.exec(`INSERT INTO ${quoted(line.table)} (${line.columns.map(quoted).join(", ")}) VALUES (${values})`, ...bound);
    }
  }
}

/** An integer beyond 2^53 cannot be bound; as digits it is exact. */
function fromCellText(cell: Cell): { value: SqlStorageValue; text?: string } {
  if (cell === null) return { value: null };
  const text = cell.slice(1);
  switch (cell.slice(0, 1)) {
    case "i":
      return Number.isSafeInteger(Number(text)) ? { value: Number(text) } : { value: null, text };
    case "r":
      return { value: Number(text) };
    case "b":
      return { value: Uint8Array.fromHex(text).buffer };
    default:
      return { value: text };
  }
}

/** A line as SQL to read, or to give to `sqlite3`. */
export function toSqlText(line: SqlLine): string {
  switch (line.type) {
    case "sql":
      return `${line.sql};`;
    case "sequence":
      return `UPDATE sqlite_sequence SET seq = ${line.value} WHERE name = ${literal(line.table)};`;
    case "row":
      return `INSERT INTO ${quoted(line.table)} (${line.columns.map(quoted).join(", ")}) VALUES (${line.values.map(cellLiteral).join(", ")});`;
  }
}

function cellLiteral(cell: Cell): string {
  if (cell === null) return "NULL";
  const text = cell.slice(1);
  switch (cell.slice(0, 1)) {
    case "i":
      return text;
    case "r":
      return text.endsWith("Infinity") ? text.replace("Infinity", "9e999") : /[.e]/.test(text) ? text : `${text}.0`;
    case "b":
      return `X'${text}'`;
    default:
      return literal(text);
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
