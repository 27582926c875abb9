/** JWTs that were ended before their time. Each is forgotten when it would have ended anyway. */
export class RevokedTokens {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  has(id: string): boolean {
    return this.#sql.exec("SELECT 1 FROM revoked_tokens WHERE id = ?", id).toArray().length > 0;
  }

  revoke(id: string, endsMs: number, nowMs: number): boolean {
    this.#sql.exec("DELETE FROM revoked_tokens WHERE ends_ms <= ?", nowMs);
    return this.#sql.exec("INSERT OR IGNORE INTO revoked_tokens VALUES (?, ?)", id, endsMs).rowsWritten > 0;
  }
}
