import { DoError } from "../../../../sdk/src/errors.ts";
import { SEARCH_LIMITS } from "../limits.ts";
import type { Caller } from "./caller.ts";
import type { Catalog, Collection } from "./catalog.ts";
import { toEntity, type Data, type Entity, type Row } from "./entity.ts";
import type { ChangeKind, Feed } from "./feed.ts";
import { compileWhere, type Where } from "./filter.ts";
import { afterCursor, encodeCursor, nameOfList, orderBy, parseOrder, placeColumns, decodeCursor, type OrderField } from "./order.ts";
import { fieldOf, valueAt } from "./path.ts";
import { ruleFor } from "./rules.ts";
import { similarity, toFuzzyMatch, toMatch } from "./search.ts";
import { AnswerSize, tooLarge, wireSize } from "../size.ts";
import { allOf, fragment, type Fragment } from "./sql.ts";

export interface ListOptions {
  where?: Where | undefined;
  orderBy?: string[] | undefined;
  fields?: string[] | undefined;
  limit: number;
  cursor?: string | undefined;
  offset?: number | undefined;
  count?: boolean | undefined;
}

export interface ListPage {
  items: Entity[];
  cursor?: string;
  total?: number;
}

export type Metric = "count" | { sum?: string; avg?: string; min?: string; max?: string; countDistinct?: string };

export interface AggregateOptions {
  where?: Where | undefined;
  groupBy?: string[] | undefined;
  metrics: Record<string, Metric>;
  limit: number;
}

export interface Group {
  key: Record<string, unknown>;
  metrics: Record<string, string | number | null>;
}

export interface SearchOptions {
  where?: Where | undefined;
  fields?: string[] | undefined;
  limit: number;
  cursor?: string | undefined;
  in?: string[] | undefined;
  prefix?: boolean | undefined;
  fuzzy?: boolean | undefined;
  highlight?: boolean | { before: string; after: string } | undefined;
}

export interface Hit extends Entity {
  score: number;
  highlights?: Record<string, string>;
}

export interface ChangesOptions {
  since?: string | undefined;
  limit: number;
  where?: Where | undefined;
  id?: string | undefined;
}

export interface Change {
  op: ChangeKind;
  collection: string;
  id: string;
  version: number;
  at: string;
  data?: Data;
  cursor: string;
}

/** Private-use characters that no text of a document keeps: marks of matches until they become what was asked for. */
const MARKS = ["\u{E000}", "\u{E001}"] as const;
const SNIPPET_TOKENS = 24;
const FUZZY_AT_LEAST = 0.45;

/** What can be read. A collection that nobody has written to is empty. */
export class Reads {
  readonly #sql: SqlStorage;
  readonly #catalog: Catalog;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, catalog: Catalog, feed: Feed) {
    this.#sql = sql;
    this.#catalog = catalog;
    this.#feed = feed;
  }

  get(name: string, id: string, caller: Caller, nowMs: number, fields?: readonly string[]): Entity | null {
    const collection = this.#catalog.find(name);
    if (!collection) return null;
    const rule = ruleFor(collection.definition, "read", caller);
    const [row] = this.#sql.exec<Row>(`SELECT * FROM ${collection.table} d WHERE d.id = ? AND ${rule.text}`, id, ...rule.params).toArray();
    return row && isAlive(row, nowMs) ? toEntity(row, fields) : null;
  }

  list(name: string, options: ListOptions, caller: Caller, nowMs: number): ListPage {
    const { where, fields, limit, cursor, offset = 0, count } = options;
    const order = parseOrder(options.orderBy ?? []);
    const filter = compileWhere(where);
    const list = nameOfList(name, where, options.orderBy);
    const next = afterCursor(order, list, cursor);
    const collection = this.#catalog.find(name);
    if (!collection) return count ? { items: [], total: 0 } : { items: [] };
    const visible = this.#visible(collection, filter, caller, nowMs);
    const wanted = allOf([visible, next]);
    const rows = this.#sql.exec<Row>(
      `SELECT d.*, ${placeColumns(order)} FROM ${collection.table} d WHERE ${wanted.text} ORDER BY ${orderBy(order)} LIMIT ? OFFSET ?`,
      ...wanted.params,
      limit + 1,
      offset,
    );
    const page = pageOf(rows, limit, order, list, fields);
    return count ? { ...page, total: this.#count(collection, visible) } : page;
  }

  count(name: string, where: Where | undefined, caller: Caller, nowMs: number): number {
    const filter = compileWhere(where);
    const collection = this.#catalog.find(name);
    return collection ? this.#count(collection, this.#visible(collection, filter, caller, nowMs)) : 0;
  }

  #count({ table }: Collection, { text, params }: Fragment): number {
    return this.#sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table} d WHERE ${text}`, ...params).one().n;
  }

  aggregate(name: string, { where, groupBy = [], metrics, limit }: AggregateOptions, caller: Caller, nowMs: number): Group[] {
    const filter = compileWhere(where);
    const groups = groupBy.map((field, i) => ({ field, as: `g${i}`, sql: fieldOf(field).json }));
    const measured = Object.entries(metrics).map(([label, metric], i) => ({ label, as: `m${i}`, sql: metricSql(metric) }));
    const collection = this.#catalog.find(name);
    if (!collection) return [];
    const visible = this.#visible(collection, filter, caller, nowMs);
    const columns = [...groups, ...measured].map(({ sql, as }) => `${sql} AS ${as}`).join(", ");
    const grouped =
      groups.length === 0 ? "" : `GROUP BY ${groups.map(({ as }) => as).join(", ")} ORDER BY ${groups.map(({ as }) => as).join(", ")}`;
    const rows = this.#sql.exec(
      `SELECT ${columns} FROM ${collection.table} d WHERE ${visible.text} ${grouped} LIMIT ?`,
      ...visible.params,
      limit,
    );
    const size = new AnswerSize();
    const found: Group[] = [];
    let isOver = false;
    // To its end: a statement that has not ended locks its tables.
    for (const row of rows) {
      isOver ||= !size.fits(Object.values(row).reduce<number>((sum, cell) => sum + wireSize(textIn(cell)), 0));
      if (isOver) continue;
      found.push({
        key: Object.fromEntries(groups.map(({ field, as }) => [field, JSON.parse(textIn(row[as]) || "null") as unknown])),
        metrics: Object.fromEntries(measured.map(({ label, as }) => [label, (row[as] ?? null) as string | number | null])),
      });
    }
    if (isOver) throw tooLarge("groups");
    return found;
  }

  /** @throws DoError UNSUPPORTED when the collection has nothing to search */
  search(name: string, query: string, options: SearchOptions, caller: Caller, nowMs: number): { hits: Hit[]; cursor?: string } {
    const { where, fields, limit, cursor, prefix = false, fuzzy = false, highlight } = options;
    const within = options.in;
    const collection = this.#catalog.find(name);
    const definition = collection?.definition.search;
    if (!collection || !definition) throw notSearched(`${name} has no search; define it with search: { fields: [...] }`);
    if (fuzzy && !definition.fuzzy) throw notSearched(`${name} has no fuzzy search; define it with search: { fuzzy: true }`);
    const visible = this.#visible(collection, compileWhere(where), caller, nowMs);
    const only = columnsOf(definition.fields, within);
    const list = nameOfList(name, query, where, within, prefix, fuzzy);
    const offset = cursor === undefined ? 0 : offsetOf(list, cursor);
    const match = fuzzy ? toFuzzyMatch(query) : toMatch(query, prefix, definition.tokenizer === "trigram");
    if (match === undefined) return { hits: [] };
    const table = `${fuzzy ? "fuzzy" : "text"}_${collection.number}`;
    const marked =
      highlight === undefined || highlight === false
        ? ""
        : definition.fields
            .map((_, i) => `, snippet(${table}, ${i}, '${MARKS[0]}', '${MARKS[1]}', '…', ${SNIPPET_TOKENS}) AS h${i}`)
            .join("");
    const rows = this.#sql.exec<Row & { rank: number }>(
      `SELECT d.*, t.rank AS rank${marked} FROM ${table} t JOIN ${collection.table} d ON d.seq = t.rowid
       WHERE ${table} MATCH ? AND ${visible.text} ORDER BY t.rank LIMIT ? OFFSET ?`,
      `${only}${match}`,
      ...visible.params,
      fuzzy ? SEARCH_LIMITS.fuzzyCandidates : limit + 1,
      fuzzy ? 0 : offset,
    );
    const found = fuzzy ? nearest(rows, query, collection).slice(offset, offset + limit + 1) : rows;
    const hits: Hit[] = [];
    const size = new AnswerSize();
    let isMore = false;
    // To its end: a statement that has not ended locks its tables.
    for (const row of found) {
      isMore ||= hits.length === limit || !size.fits(2 * wireSize(row.data));
      if (isMore) continue;
      const hit: Hit = { ...toEntity(row, fields), score: fuzzy ? row.rank : -row.rank };
      hits.push(marked === "" ? hit : { ...hit, highlights: highlightsOf(row, definition.fields, highlight ?? true) });
    }
    const end = offset + hits.length;
    return isMore && end < SEARCH_LIMITS.deepestHit ? { hits, cursor: encodeCursor(list, [end]) } : { hits };
  }

  /** @param since a place in the feed that was checked */
  changes(name: string, since: number, { limit, where, id }: ChangesOptions, caller: Caller): { items: Change[]; cursor: string } {
    const filter = compileWhere(where);
    const until = this.#feed.newest;
    const collection = this.#catalog.find(name);
    const rule = ruleFor(collection?.definition ?? {}, "read", caller);
    const visible = allOf([rule, filter, ...(id === undefined ? [] : [fragment("d.id = ?", id)])]);
    const items: Change[] = [];
    const size = new AnswerSize();
    let isWhole = true;
    for (const row of this.#feed.read(name, since, until, visible, limit)) {
      isWhole &&= size.fits(wireSize(row.data));
      if (!isWhole) continue;
      const { op, version, updated_ms, data } = row;
      const change: Change = {
        op,
        collection: name,
        id: row.id,
        version,
        at: new Date(updated_ms).toISOString(),
        cursor: this.#feed.cursorAt(row.seq),
      };
      items.push(op === "delete" ? change : { ...change, data: JSON.parse(data) as Data });
    }
    const last = items.at(-1);
    return { items, cursor: last && (!isWhole || items.length === limit) ? last.cursor : this.#feed.cursorAt(until) };
  }

  #visible({ definition }: Collection, filter: Fragment, caller: Caller, nowMs: number): Fragment {
    return allOf([fragment("(d.expires_ms IS NULL OR d.expires_ms > ?)", nowMs), ruleFor(definition, "read", caller), filter]);
  }
}

export function isAlive({ expires_ms }: Row, nowMs: number): boolean {
  return expires_ms === null || expires_ms > nowMs;
}

/** A page ends early where its documents would be more than an answer carries; never before the first. */
function pageOf(
  rows: Iterable<Row>,
  limit: number,
  order: readonly OrderField[],
  list: string,
  fields: readonly string[] | undefined,
): ListPage {
  const items: Entity[] = [];
  let last: Row | undefined;
  const size = new AnswerSize();
  let isMore = false;
  // To its end: a statement that has not ended locks its tables.
  for (const row of rows) {
    isMore ||= items.length === limit || !size.fits(wireSize(row.data));
    if (isMore) continue;
    items.push(toEntity(row, fields));
    last = row;
  }
  if (!isMore || !last) return { items };
  const place = last;
  return {
    items,
    cursor: encodeCursor(
      list,
      order.map((_, i) => (place[`k${i}`] ?? null) as string | number | null),
    ),
  };
}

function metricSql(metric: Metric): string {
  if (metric === "count") return "count(*)";
  const [[name, path] = ["", ""]] = Object.entries(metric).filter(([, field]) => field !== undefined);
  const { value, type, json, kind } = fieldOf(String(path));
  const numbers = kind === "data" ? `CASE WHEN ${type} IN ('integer','real') THEN ${value} END` : value;
  switch (name) {
    case "sum":
      // total() does not overflow.
      return `total(${numbers})`;
    case "avg":
      return `avg(${numbers})`;
    case "countDistinct":
      return `count(DISTINCT ${json})`;
    default: {
      const ordered = kind === "data" ? `CASE WHEN ${type} IN ('integer','real','text') THEN ${value} END` : value;
      return `${name === "min" ? "min" : "max"}(${ordered})`;
    }
  }
}

/** Of the candidates, those with words like the query's, the likest first. */
function nearest<T extends Row & { rank: number }>(rows: Iterable<T>, query: string, { searched }: Collection): T[] {
  const candidates: T[] = [];
  for (const row of rows) {
    const data: unknown = JSON.parse(row.data);
    const text = searched.map((segments) => [valueAt(data, segments)].flat().join(" ")).join(" ");
    const rank = similarity(query, text);
    if (rank >= FUZZY_AT_LEAST) candidates.push({ ...row, rank });
  }
  return candidates.toSorted((a, b) => b.rank - a.rank);
}

function highlightsOf(row: Row, fields: readonly string[], wanted: boolean | { before: string; after: string }): Record<string, string> {
  const [begin, end] = MARKS;
  const finish = (text: string) =>
    typeof wanted === "object"
      ? text.replaceAll(begin, wanted.before).replaceAll(end, wanted.after)
      : escapeHtml(text).replaceAll(begin, "<mark>").replaceAll(end, "</mark>");
  return Object.fromEntries(
    fields
      .map((field, i) => [field, textIn(row[`h${i}`])] as const)
      .filter(([, text]) => text.includes(begin))
      .map(([field, text]) => [field, finish(text)]),
  );
}

/** A cell that is text, or nothing. */
function textIn(cell: SqlStorageValue | undefined): string {
  return typeof cell === "string" ? cell : "";
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replaceAll(/[&<>"']/g, (character) => names[character] ?? "");
}

/** An FTS5 expression of fields that are searched, before the one of words. */
function columnsOf(searched: readonly string[], wanted: readonly string[] | undefined): string {
  if (wanted === undefined) return "";
  const unknown = wanted.find((field) => !searched.includes(field));
  if (unknown !== undefined) throw notSearched(`"${unknown}" is not searched; there are ${searched.join(", ")}`);
  return `{${wanted.map((field) => `f${searched.indexOf(field)}`).join(" ")}} : `;
}

function offsetOf(list: string, cursor: string): number {
  const [offset] = decodeCursor(list, cursor, 1);
  if (typeof offset === "number" && Number.isSafeInteger(offset) && offset >= 0 && offset <= SEARCH_LIMITS.deepestHit) return offset;
  throw new DoError("INVALID_ARGUMENT", "Cannot use the cursor: it is not of this search", { reason: "BAD_CURSOR" });
}

function notSearched(problem: string): DoError {
  return new DoError("UNSUPPORTED", `Cannot search: ${problem}`, { reason: "NOT_SEARCHED" });
}
