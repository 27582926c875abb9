import type { Query, QueryResult } from "./run.ts";
import type { SqlValue } from "./cells.ts";

/**
 * A batch between the service and the database as a few lists: what is sent as objects costs the names of their members
 * each time, a quarter of the time of a batch of writes.
 */
export interface PackedStatements {
  /** Each text once. */
  readonly texts: readonly string[];
  /** Of each statement, which text. */
  readonly which: readonly number[];
  readonly params: readonly SqlValue[][];
}

/** Results by what they have in common: one number of each for a statement, and rows for those that answer some. */
export interface PackedResults {
  readonly rowsRead: number[];
  readonly rowsWritten: number[];
  readonly durationMs: number[];
  /** When they were asked for. */
  readonly changes: number[];
  readonly lastRowId: number[];
  readonly answers: [statement: number, columns: string[], rows: QueryResult["rows"], truncated: boolean][];
}

export function packStatements(statements: readonly { sql: string; params?: SqlValue[] | undefined }[]): PackedStatements {
  const texts = [...new Set(statements.map(({ sql }) => sql))];
  const indexOf = new Map(texts.map((text, i) => [text, i]));
  return {
    texts,
    which: statements.map(({ sql }) => indexOf.get(sql) ?? 0),
    params: statements.map(({ params = [] }) => params),
  };
}

export function unpackStatements({ texts, which, params }: PackedStatements): Query[] {
  return which.map((text, i) => ({ sql: texts[text] ?? "", params: params[i] ?? [] }));
}

export function packResults(results: readonly QueryResult[]): PackedResults {
  const packed: PackedResults = { rowsRead: [], rowsWritten: [], durationMs: [], changes: [], lastRowId: [], answers: [] };
  for (const [i, { columns, rows, meta }] of results.entries()) {
    packed.rowsRead.push(meta.rowsRead);
    packed.rowsWritten.push(meta.rowsWritten);
    packed.durationMs.push(meta.durationMs);
    if (meta.changes !== undefined) packed.changes.push(meta.changes);
    if (meta.lastRowId !== undefined) packed.lastRowId.push(meta.lastRowId);
    if (columns.length > 0) packed.answers.push([i, columns, rows, meta.truncated]);
  }
  return packed;
}

export function unpackResults({ rowsRead, rowsWritten, durationMs, changes, lastRowId, answers }: PackedResults): QueryResult[] {
  const results = rowsRead.map((read, i): QueryResult => {
    const meta = { rowsRead: read, rowsWritten: rowsWritten[i] ?? 0, durationMs: durationMs[i] ?? 0, truncated: false };
    const [changed, last] = [changes[i], lastRowId[i]];
    return {
      columns: [],
      rows: [],
      meta: changed === undefined || last === undefined ? meta : { ...meta, changes: changed, lastRowId: last },
    };
  });
  for (const [i, columns, rows, truncated] of answers) {
    const result = results[i];
    if (result) Object.assign(result, { columns, rows, meta: { ...result.meta, truncated } });
  }
  return results;
}
