/** A row of Durable Object SQLite holds at most 2 MB; a character is at most three bytes of UTF-8. */
const PART_CHARACTERS = 500_000;
const MAX_KNOWN = 1_000;

/** Texts of any size under a key, in parts that fit a row. */
export class Texts {
  readonly #sql: SqlStorage;
  readonly #known = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS texts (key TEXT NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (key, part)) STRICT",
    );
  }

  /** A text that is the same whenever its key is: many executions have the code of another. */
  putOnce(key: string, text: string): void {
    if (this.#known.has(key)) return;
    this.put(key, text);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(key);
  }

  /** After texts were deleted. */
  forget(): void {
    this.#known.clear();
  }

  put(key: string, text: string): void {
    let from = 0;
    for (let part = 0; part === 0 || from < text.length; part++) {
      const to = partEnd(text, from);
      this.#sql.exec("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", key, part, text.slice(from, to));
      from = to;
    }
  }

  get(key: string): string | undefined {
    const parts = this.#sql.exec<{ text: string }>("SELECT text FROM texts WHERE key = ? ORDER BY part", key).toArray();
    return parts.length === 0 ? undefined : parts.map(({ text }) => text).join("");
  }
}

/** Not between the two halves of a character: SQLite would keep neither. */
function partEnd(text: string, from: number): number {
  const to = Math.min(from + PART_CHARACTERS, text.length);
  return to < text.length && /[\uD800-\uDBFF]/.test(text.charAt(to - 1)) ? to - 1 : to;
}
