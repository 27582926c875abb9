import { readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Command } from "commander";
import type { DbService, QueryResult, SqlValue } from "../../../db.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { problemJson, problemText } from "../../output/problem.ts";
import { table } from "../../output/table.ts";
import { toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { SQL_WORDS, takeStatement } from "./sql-words.ts";

const HISTORY_LINES = 1_000;

const HELP = `Statements end with a semicolon. Also:
  .tables           the tables
  .schema [TABLE]   how they were made
  .explain SQL      what a statement reads and writes
  .quit`;

/** `doer db shell` */
export function addShell(db: Command, act: Act): void {
  db.command("shell")
    .description("SQL on the tenant's tables, with history and completion; or from standard input")
    .option("--read-only", "refuse statements that write")
    .action(
      act(async (globals, _args, { readOnly }) => {
        const { db: service } = configuredSession(globals);
        return new Shell(service, { isReadOnly: readOnly === true, isJson: globals.json }).run();
      }),
    );
}

/** Reads statements, line by line, and shows what each answers. A failure ends it only when nobody is there to see it. */
class Shell {
  readonly #db: DbService;
  readonly #options: { isReadOnly: boolean; isJson: boolean };
  readonly #isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  #words: string[] = [...SQL_WORDS];
  #begun = "";

  constructor(db: DbService, options: { isReadOnly: boolean; isJson: boolean }) {
    this.#db = db;
    this.#options = options;
  }

  async run(): Promise<number> {
    const history = this.#isTerminal ? readHistory() : [];
    const lines = createInterface({
      input: process.stdin,
      ...(this.#isTerminal ? { output: process.stdout, history, historySize: HISTORY_LINES } : {}),
      completer: (line: string) => this.#complete(line),
    });
    if (this.#isTerminal) {
      await this.#learnNames();
      lines.on("history", writeHistory);
      // The first takes back what was begun, the next one leaves.
      lines.on("SIGINT", () => this.#interrupt(lines));
    }
    this.#prompt(lines);
    for await (const line of lines) {
      if (line.trim() === ".quit" && this.#begun === "") break;
      const exit = await this.#take(line);
      if (exit !== EXIT.ok && !this.#isTerminal) return exit;
      this.#prompt(lines);
    }
    lines.close();
    // A terminal that is still listened to keeps the process; what is no terminal ends by itself.
    if (this.#isTerminal) process.stdin.unref();
    if (this.#begun.trim() !== "" && !this.#isTerminal) return this.#take(";");
    return EXIT.ok;
  }

  async #take(line: string): Promise<number> {
    if (this.#begun === "" && line.startsWith(".")) return this.#shown(() => this.#command(line.trim()));
    this.#begun += `${line}\n`;
    for (let taken = takeStatement(this.#begun); taken; taken = takeStatement(this.#begun)) {
      const { statement, rest } = taken;
      this.#begun = rest.trim() === "" ? "" : rest;
      const exit = statement === ";" ? EXIT.ok : await this.#shown(() => this.#query(statement));
      if (exit !== EXIT.ok) {
        // What was to follow was written for when this had worked.
        this.#begun = "";
        return exit;
      }
    }
    return EXIT.ok;
  }

  async #query(sql: string, params: SqlValue[] = []): Promise<void> {
    const result = await this.#db.query(sql, params, { mode: this.#options.isReadOnly ? "ro" : "rw" });
    if (this.#options.isJson) return toStdout(JSON.stringify(result.rows.map(toJsonRow)));
    show(result);
    if (result.meta.rowsWritten > 0 && this.#isTerminal) await this.#learnNames();
  }

  async #command(line: string): Promise<void> {
    const [name = "", ...rest] = line.split(/\s+/);
    const names =
      "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name";
    if (name === ".tables") return this.#query(names);
    if (name === ".schema") {
      const { rows } = await this.#db.query(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND (?1 IS NULL OR tbl_name = ?1)",
        [rest[0] ?? null],
        { mode: "ro" },
      );
      for (const { sql } of rows) toStdout(`${String(sql)};`);
      return;
    }
    if (name === ".explain") {
      const { plan, readOnly, tablesRead, tablesWritten } = await this.#db.explain(rest.join(" ").replace(/;$/, ""));
      toStdout(
        [
          `${readOnly ? "reads" : "writes"}; read: ${tablesRead.join(", ") || "none"}; written: ${tablesWritten.join(", ") || "none"}`,
          ...plan,
        ].join("\n"),
      );
      return;
    }
    toStdout(HELP);
  }

  async #shown(run: () => Promise<void>): Promise<number> {
    try {
      await run();
      return EXIT.ok;
    } catch (error) {
      if (this.#options.isJson) toStdout(JSON.stringify(problemJson(error)));
      else toStderr(problemText(error));
      return EXIT.server;
    }
  }

  #complete(line: string): [string[], string] {
    const [word = ""] = /[\w.]*$/.exec(line) ?? [];
    if (word === "") return [[], ""];
    const isLower = word === word.toLowerCase();
    const known = line.startsWith(".") ? [".tables", ".schema", ".explain", ".quit"] : this.#words;
    const hits = known.filter((name) => name.toLowerCase().startsWith(word.toLowerCase()));
    return [hits.map((name) => (isLower && SQL_WORDS.includes(name) ? name.toLowerCase() : name)), word];
  }

  /** Names of tables and columns, for completion. What cannot be learned is not missed. */
  async #learnNames(): Promise<void> {
    const sql =
      "SELECT DISTINCT c.name AS name FROM pragma_table_list t JOIN pragma_table_info(t.name) c WHERE t.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' UNION SELECT name FROM sqlite_schema";
    const found = await this.#db.query(sql, [], { mode: "ro" }).catch(() => undefined);
    this.#words = [...SQL_WORDS, ...(found?.rows ?? []).map(({ name }) => String(name))];
  }

  #prompt(lines: Interface): void {
    if (!this.#isTerminal) return;
    lines.setPrompt(this.#begun === "" ? "db> " : "  > ");
    lines.prompt();
  }

  #interrupt(lines: Interface): void {
    if (this.#begun === "" && lines.line === "") return lines.close();
    this.#begun = "";
    lines.write(null, { ctrl: true, name: "u" });
    toStdout("");
    this.#prompt(lines);
  }
}

function show({ columns, rows, meta }: QueryResult): void {
  if (columns.length > 0)
    toStdout(
      table(
        columns,
        rows.map((row) => columns.map((name) => cell(row[name] ?? null))),
      ),
    );
  else toStderr(`${meta.changes ?? 0} rows changed`);
}

function cell(value: SqlValue): string {
  if (value === null) return "NULL";
  return value instanceof Uint8Array ? `x'${Buffer.from(value).toString("hex")}'` : String(value);
}

function toJsonRow(row: Record<string, SqlValue>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" || value instanceof Uint8Array ? cell(value) : value]),
  );
}

function historyFile(): string {
  return join(homedir(), ".doer_history");
}

/** Newest first, as readline has it. */
function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), "utf8").split("\n").filter(Boolean).toReversed();
  } catch {
    return [];
  }
}

/** Statements may hold what others must not read. */
function writeHistory(history: string[]): void {
  try {
    writeFileSync(historyFile(), `${history.toReversed().join("\n")}\n`, { mode: 0o600 });
  } catch {
    // A shell without a history is a shell.
  }
}
