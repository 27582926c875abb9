/** One key of the store, as Workers KV lists it. */
interface Key {
  name: string;
}

export const RECORDS_TABLE = `
  CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT NOT NULL, ends_ms INTEGER) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_end ON records (ends_ms) WHERE ends_ms IS NOT NULL;
`;

const MAX_LISTED = 1_000;
const SWEEP_EACH = 200;

/**
 * The part of Workers KV that the OAuth library uses, over SQLite: what is written is there for the next read, which KV
 * itself does not promise. A client id that is a URL is looked up where it says (`resolveClient`), not here.
 */
export class Records {
  readonly #sql: SqlStorage;
  readonly #resolveClient: (url: string) => Promise<unknown>;
  #sinceSweep = 0;

  constructor(sql: SqlStorage, resolveClient: (url: string) => Promise<unknown>) {
    this.#sql = sql;
    this.#resolveClient = resolveClient;
    sql.exec(RECORDS_TABLE);
  }

  async get(key: string, options?: { type?: string }): Promise<unknown> {
    const url = /^client:(https?:\/\/.+)$/.exec(key)?.[1];
    if (url !== undefined) return this.#resolveClient(url);
    const [row] = this.#sql
      .exec<{ value: string }>("SELECT value FROM records WHERE key = ? AND (ends_ms IS NULL OR ends_ms > ?)", key, Date.now())
      .toArray();
    if (!row) return null;
    return options?.type === "json" ? (JSON.parse(row.value) as unknown) : row.value;
  }

  async put(key: string, value: string, options: { expirationTtl?: number; expiration?: number } = {}): Promise<void> {
    const { expirationTtl, expiration } = options;
    const endsMs =
      expirationTtl === undefined ? (expiration === undefined ? null : expiration * 1_000) : Date.now() + expirationTtl * 1_000;
    this.#sql.exec("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", key, value, endsMs);
    if (++this.#sinceSweep < SWEEP_EACH) return;
    this.#sinceSweep = 0;
    this.#sql.exec("DELETE FROM records WHERE ends_ms <= ?", Date.now());
  }

  async delete(key: string): Promise<void> {
    this.#sql.exec("DELETE FROM records WHERE key = ?", key);
  }

  async list({ prefix = "", limit = MAX_LISTED, cursor = "" }: { prefix?: string; limit?: number; cursor?: string } = {}): Promise<{
    keys: Key[];
    list_complete: boolean;
    cursor?: string;
  }> {
    const keys = this.#sql
      .exec<{ name: string }>(
        "SELECT key AS name FROM records WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 AND key > ?2 AND (ends_ms IS NULL OR ends_ms > ?3) ORDER BY key LIMIT ?4",
        prefix,
        cursor,
        Date.now(),
        limit + 1,
      )
      .toArray();
    const page = keys.slice(0, limit).map(({ name }) => ({ name }));
    const last = page.at(-1);
    return keys.length > limit && last ? { keys: page, list_complete: false, cursor: last.name } : { keys: page, list_complete: true };
  }
}
