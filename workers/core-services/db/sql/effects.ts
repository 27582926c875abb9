import type { Statement } from "./statement.ts";

/** One instruction of the program that SQLite makes of a statement. */
interface Instruction extends Record<string, SqlStorageValue> {
  opcode: string;
  p1: number;
  p2: number;
  p4: string | null;
}

export interface Effects {
  /** It opens a transaction for writing: whatever it is called, it may change something. */
  readonly writes: boolean;
  readonly tablesRead: string[];
  readonly tablesWritten: string[];
}

/**
 * What a statement does, from the program that SQLite makes of it (EXPLAIN), not from its words. Tables are told by
 * the pages that the program opens; a virtual table by its name in the statement's own text, as the program names none.
 */
export function effectsOf(sql: SqlStorage, statement: Statement, params: readonly SqlStorageValue[]): Effects {
  if (statement.isExplain) return { writes: false, tablesRead: [], tablesWritten: [] };
  const program = sql.exec<Instruction>(`EXPLAIN ${statement.sql}`, ...params).toArray();
  const tables = tablesByPage(sql);
  const [read, written] = [new Set<string>(), new Set<string>()];
  for (const { opcode, p1, p2, p4 } of program) {
    if (opcode === "OpenRead" || opcode === "ReopenIdx") add(read, tables.get(p2));
    else if (opcode === "OpenWrite") add(written, tables.get(p2) ?? (p2 === 1 ? "sqlite_schema" : undefined));
    else if (opcode === "Clear" || opcode === "Destroy") add(written, tables.get(p1));
    else if (opcode === "VOpen") for (const name of virtualTables(sql, statement.sql)) read.add(name);
    else if (opcode === "VUpdate") for (const name of virtualTables(sql, statement.sql)) written.add(name);
    else if (opcode === "DropTable" && p4 !== null) written.add(p4);
  }
  return {
    writes: program.some(({ opcode, p1, p2 }) => opcode === "Transaction" && p1 === 0 && p2 !== 0),
    tablesRead: [...read].toSorted(),
    tablesWritten: [...written].toSorted(),
  };
}

/** An index is of its table. */
function tablesByPage(sql: SqlStorage): ReadonlyMap<number, string> {
  const rows = sql.exec<{ page: number; name: string }>("SELECT rootpage AS page, tbl_name AS name FROM sqlite_schema WHERE rootpage > 0");
  return new Map([...rows].map(({ page, name }) => [page, name]));
}

function virtualTables(sql: SqlStorage, text: string): string[] {
  const words = new Set(text.toLowerCase().match(/[\w$\u0080-\uffff]+/g));
  const names = sql.exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0").toArray();
  return names.map(({ name }) => name).filter((name) => words.has(name.toLowerCase()));
}

function add(set: Set<string>, name: string | undefined): void {
  if (name !== undefined) set.add(name);
}
