import type { Member } from "../schema/users.ts";
import { iso } from "./keys.ts";
import type { Rights } from "./rights.ts";

interface Row extends Record<string, SqlStorageValue> {
  user_id: string;
  email: string;
  joined_ms: number;
}

/** The users of a tenant. Who they are is in Accounts; here is that they belong. */
export class Members {
  readonly #sql: SqlStorage;
  readonly #rights: Rights;

  constructor(sql: SqlStorage, rights: Rights) {
    this.#sql = sql;
    this.#rights = rights;
  }

  has(userId: string): boolean {
    return this.get(userId) !== undefined;
  }

  get(userId: string): Member | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM members WHERE user_id = ?", userId).toArray();
    return row && this.#toMember(row);
  }

  /** A user who is disabled: neither sessions nor keys nor grants of theirs are let in. */
  isBlocked(userId: string): boolean {
    return this.#sql.exec("SELECT 1 FROM blocked WHERE user_id = ?", userId).toArray().length > 0;
  }

  setBlocked(userId: string, blocked: boolean): void {
    if (blocked) this.#sql.exec("INSERT OR IGNORE INTO blocked VALUES (?)", userId);
    else this.#sql.exec("DELETE FROM blocked WHERE user_id = ?", userId);
  }

  add(userId: string, email: string, nowMs: number): void {
    this.#sql.exec("INSERT INTO members VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET email = excluded.email", userId, email, nowMs);
  }

  remove(userId: string): boolean {
    this.#rights.forget(userId);
    return this.#sql.exec("DELETE FROM members WHERE user_id = ?", userId).rowsWritten > 0;
  }

  list(limit: number, cursor: string | undefined): { items: Member[]; cursor?: string } {
    const rows = this.#sql.exec<Row>("SELECT * FROM members WHERE user_id > ? ORDER BY user_id LIMIT ?", cursor ?? "", limit + 1).toArray();
    const items = rows.slice(0, limit).map((row) => this.#toMember(row));
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.userId } : { items };
  }

  #toMember({ user_id: userId, email, joined_ms: joinedMs }: Row): Member {
    return { userId, email, roles: this.#rights.rolesOf(userId), joinedAt: iso(joinedMs) };
  }
}
