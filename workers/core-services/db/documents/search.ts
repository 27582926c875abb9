import { SEARCH_LIMITS } from "../limits.ts";
import type { Collection } from "./catalog.ts";
import type { Data } from "./entity.ts";
import { valueAt } from "./path.ts";

/** Of a text and of a word, what fuzzy search compares: each word with each is work that somebody may ask for on purpose. */
const MAX_COMPARED_WORDS = 300;
const MAX_COMPARED_LETTERS = 32;

const TOKENIZERS = {
  unicode: "unicode61 remove_diacritics 2",
  porter: "porter unicode61 remove_diacritics 2",
  trigram: "trigram remove_diacritics 1",
} as const;

/** The FTS5 tables of a collection: one as it asks for, and one of trigrams for fuzzy search. */
export function searchTables({ number, definition: { search } }: Collection): { table: string; tokenize: string }[] {
  if (!search) return [];
  const exact = { table: `text_${number}`, tokenize: TOKENIZERS[search.tokenizer ?? "unicode"] };
  return search.fuzzy ? [exact, { table: `fuzzy_${number}`, tokenize: TOKENIZERS.trigram }] : [exact];
}

export function createSearch(sql: SqlStorage, collection: Collection): void {
  const columns = collection.searched.map((_, i) => `f${i}`).join(", ");
  for (const { table, tokenize } of searchTables(collection)) {
    sql.exec(`CREATE VIRTUAL TABLE ${table} USING fts5(${columns}, tokenize = '${tokenize}')`);
  }
  for (const { seq, data } of sql.exec<{ seq: number; data: string }>(`SELECT seq, data FROM ${collection.table}`)) {
    addToSearch(sql, collection, seq, JSON.parse(data) as Data);
  }
}

export function dropSearch(sql: SqlStorage, collection: Collection): void {
  for (const { table } of searchTables(collection)) sql.exec(`DROP TABLE ${table}`);
}

export function addToSearch(sql: SqlStorage, collection: Collection, seq: number, data: Data): void {
  const texts = collection.searched.map((segments) => textOf(valueAt(data, segments)));
  const columns = texts.map((_, i) => `f${i}`).join(", ");
  for (const { table } of searchTables(collection)) {
    sql.exec(`INSERT INTO ${table} (rowid, ${columns}) VALUES (?${", ?".repeat(texts.length)})`, seq, ...texts);
  }
}

export function removeFromSearch(sql: SqlStorage, collection: Collection, seq: number): void {
  for (const { table } of searchTables(collection)) sql.exec(`DELETE FROM ${table} WHERE rowid = ?`, seq);
}

/** Texts, and the texts of a list, one a line. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return Array.isArray(value) ? value.map(textOf).filter(Boolean).join("\n") : "";
}

const TERM = /(-?)"([^"]*)"?|(-?)([^\s"]+)/gu;
/** What unicode61 takes for a part of a word. */
const WORD = /[\p{L}\p{N}\p{Co}\p{M}]+/gu;

/**
 * What a person typed as an FTS5 expression: all words must be there; `"..."` is a phrase, `word*` a beginning, `-word`
 * must not be there, `a OR b` is either. Every word is quoted, so that nothing of FTS5's own syntax is left in it.
 * Undefined when there is nothing to find.
 */
export function toMatch(query: string, isPrefix: boolean, isTrigram: boolean): string | undefined {
  const wanted: string[][] = [];
  const unwanted: string[] = [];
  let isEither = false;
  const terms = [...query.matchAll(TERM)].slice(0, SEARCH_LIMITS.terms);
  terms.forEach(([, minus1, phrase, minus2, word], i) => {
    if (word === "OR") {
      isEither = wanted.length > 0;
      return;
    }
    const isBeginning = phrase === undefined && (word?.endsWith("*") === true || (isPrefix && i === terms.length - 1));
    const quoted = quote(phrase ?? word ?? "", isBeginning, isTrigram);
    if (quoted === undefined) return;
    if ((minus1 ?? minus2) === "-") unwanted.push(quoted);
    else if (isEither) wanted.at(-1)?.push(quoted);
    else wanted.push([quoted]);
    isEither = false;
  });
  if (wanted.length === 0) return undefined;
  const all = `(${wanted.map((either) => `(${either.join(" OR ")})`).join(" AND ")})`;
  return unwanted.length === 0 ? all : `(${all} NOT (${unwanted.join(" OR ")}))`;
}

function quote(text: string, isBeginning: boolean, isTrigram: boolean): string | undefined {
  if (isTrigram) return Array.from(text).length < 3 ? undefined : `"${text.replaceAll("\0", " ")}"`;
  const words = text.match(WORD);
  return words ? `"${words.join(" ")}"${isBeginning ? " *" : ""}` : undefined;
}

/** Any three letters in a row of any word: what misspelled words have in common with the right ones. */
export function toFuzzyMatch(query: string): string | undefined {
  const parts = wordsOf(query).flatMap((word) => trigramsOf(word));
  const some = [...new Set(parts)].slice(0, SEARCH_LIMITS.terms * 4);
  return some.length === 0 ? undefined : `(${some.map((part) => `"${part}"`).join(" OR ")})`;
}

/** How alike the words of a query are to words of a text, 0 to 1: of each the nearest, and of those the mean. */
export function similarity(query: string, text: string): number {
  const wanted = wordsOf(query).slice(0, SEARCH_LIMITS.fuzzyWords).map(pairsOf);
  const there = [...new Set(wordsOf(text.slice(0, SEARCH_LIMITS.fuzzyCharacters)))].slice(0, MAX_COMPARED_WORDS).map(pairsOf);
  if (wanted.length === 0) return 0;
  const sum = wanted.reduce((total, word) => total + there.reduce((best, other) => Math.max(best, dice(word, other)), 0), 0);
  return sum / wanted.length;
}

function dice(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let common = 0;
  for (const pair of a) if (b.has(pair)) common++;
  return (2 * common) / (a.size + b.size);
}

function wordsOf(text: string): string[] {
  const words = text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase().match(WORD) ?? [];
  return words.map((word) => word.slice(0, MAX_COMPARED_LETTERS));
}

function trigramsOf(word: string): string[] {
  const letters = Array.from(word);
  return letters.length < 3 ? [] : letters.slice(2).map((_, i) => letters.slice(i, i + 3).join(""));
}

/** With a mark at both ends, so that one letter too has pairs. */
function pairsOf(word: string): ReadonlySet<string> {
  const letters = ["^", ...Array.from(word), "$"];
  return new Set(letters.slice(1).map((letter, i) => `${letters[i] ?? ""}${letter}`));
}
