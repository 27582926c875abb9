import type * as z from "zod";
import type { ExportOptions } from "../shapes.ts";
import { toSqlText, type SqlLine } from "../sql/dump.ts";
import type { TenantDatabase } from "../tenant.ts";

/** Documents with the definitions of their collections, or the tables of SQL as SQL. */
export function exportOf(
  { documents, tables }: TenantDatabase,
  { collections, format }: z.infer<typeof ExportOptions>,
  nowMs: number,
): AsyncGenerator<string, void, undefined> {
  return format === "sql" ? sqlText(tables) : exportDocuments(documents, collections, nowMs);
}

async function* exportDocuments(
  documents: TenantDatabase["documents"],
  wanted: readonly string[] | undefined,
  nowMs: number,
): AsyncGenerator<string, void, undefined> {
  const { collections } = await documents.copyStart();
  yield `${JSON.stringify({ type: "header", format: "do.export", version: 1, at: new Date(nowMs).toISOString() })}\n`;
  let count = 0;
  for (const name of collections.filter((collection) => wanted === undefined || wanted.includes(collection))) {
    const info = await documents.describe(name);
    // Dropped meanwhile.
    if (!info) continue;
    yield `${JSON.stringify({ type: "collection", name, definition: info.definition })}\n`;
    for await (const { text, documents: n } of documentPages(documents, name)) {
      count += n;
      yield text;
    }
  }
  yield `${JSON.stringify({ type: "end", documents: count })}\n`;
}

export async function* documentPages(
  documents: TenantDatabase["documents"],
  collection: string,
): AsyncGenerator<{ text: string; documents: number }, void, undefined> {
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page: { text: string; documents: number; next?: number } = await documents.copyDocuments(collection, after);
    if (page.text !== "") yield page;
    after = page.next;
  }
}

/** The dump of one moment, in pages of lines. */
export async function* sqlPages(tables: TenantDatabase["tables"], id: string): AsyncGenerator<string[], void, undefined> {
  let from: number | undefined = 0;
  while (from !== undefined) {
    const page: { lines: string[]; next?: number } = await tables.dumpPage(id, from);
    if (page.lines.length > 0) yield page.lines;
    from = page.next;
  }
}

async function* sqlText(tables: TenantDatabase["tables"]): AsyncGenerator<string, void, undefined> {
  const { id } = await tables.dumpStart();
  yield "PRAGMA defer_foreign_keys = ON;\n";
  for await (const lines of sqlPages(tables, id)) yield lines.map((line) => `${toSqlText(JSON.parse(line) as SqlLine)}\n`).join("");
}
