import { DoError } from "../../../../sdk/src/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { User } from "../schema/users.ts";

interface Row extends Record<string, SqlStorageValue> {
  id: string;
  email: string;
  name: string;
  password: string | null;
  home: string | null;
  disabled: number;
  created_ms: number;
}

export const USERS_TABLE = `
  CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password TEXT, home TEXT, disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS users_by_home ON users (home, id);
  CREATE TABLE IF NOT EXISTS memberships (user_id TEXT NOT NULL, tenant TEXT NOT NULL, PRIMARY KEY (user_id, tenant)) STRICT, WITHOUT ROWID;
`;

/** What signing in needs to know of who says that it is them. */
export interface SigningIn {
  readonly userId: string;
  readonly password: string | null;
  readonly disabled: boolean;
  readonly tenants: string[];
}

/** People, who may belong to several tenants. */
export class Users {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  create(email: string, name: string, password: string | undefined, home: string | undefined, nowMs: number): User {
    const id = newId("usr", nowMs);
    this.#checkFree(email);
    this.#sql.exec("INSERT INTO users VALUES (?, ?, ?, ?, ?, 0, ?)", id, normal(email), name, password ?? null, home ?? null, nowMs);
    return this.get(id);
  }

  get(id: string): User {
    return toUser(this.#row(id));
  }

  list(home: string | undefined, limit: number, cursor: string | undefined): { items: User[]; cursor?: string } {
    const rows = this.#sql
      .exec<Row>(
        "SELECT * FROM users WHERE (? IS NULL OR home = ?) AND id > ? ORDER BY id LIMIT ?",
        home ?? null,
        home ?? null,
        cursor ?? "",
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit).map(toUser);
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.id } : { items };
  }

  update(
    id: string,
    { name, email, disabled }: { name?: string | undefined; email?: string | undefined; disabled?: boolean | undefined },
  ): User {
    const row = this.#row(id);
    if (email !== undefined && normal(email) !== row.email) this.#checkFree(email);
    this.#sql.exec(
      "UPDATE users SET name = ?, email = ?, disabled = ? WHERE id = ?",
      name ?? row.name,
      email === undefined ? row.email : normal(email),
      disabled === undefined ? row.disabled : Number(disabled),
      id,
    );
    return this.get(id);
  }

  delete(id: string): void {
    this.#sql.exec("DELETE FROM users WHERE id = ?", id);
    this.#sql.exec("DELETE FROM memberships WHERE user_id = ?", id);
  }

  setPassword(id: string, hash: string): void {
    this.#row(id);
    this.#sql.exec("UPDATE users SET password = ? WHERE id = ?", hash, id);
  }

  passwordOf(id: string): string | null {
    return this.#row(id).password;
  }

  signingIn(email: string): SigningIn | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM users WHERE email = ?", normal(email)).toArray();
    return row && { userId: row.id, password: row.password, disabled: row.disabled === 1, tenants: this.tenantsOf(row.id) };
  }

  tenantsOf(id: string): string[] {
    return this.#sql
      .exec<{ tenant: string }>("SELECT tenant FROM memberships WHERE user_id = ? ORDER BY tenant", id)
      .toArray()
      .map(({ tenant }) => tenant);
  }

  join(id: string, tenant: string): void {
    this.#row(id);
    this.#sql.exec("INSERT OR IGNORE INTO memberships VALUES (?, ?)", id, tenant);
  }

  leave(id: string, tenant: string): void {
    this.#sql.exec("DELETE FROM memberships WHERE user_id = ? AND tenant = ?", id, tenant);
  }

  #checkFree(email: string): void {
    const isTaken = this.#sql.exec("SELECT 1 FROM users WHERE email = ?", normal(email)).toArray().length > 0;
    if (isTaken) throw new DoError("CONFLICT", "There is a user with this e-mail address", { reason: "EMAIL_TAKEN" });
  }

  #row(id: string): Row {
    const [row] = this.#sql.exec<Row>("SELECT * FROM users WHERE id = ?", id).toArray();
    if (!row) throw noUser();
    return row;
  }
}

/** The same for one of another tenant. */
export function noUser(): DoError {
  return new DoError("NOT_FOUND", "There is no such user, or this tenant does not look after them", { reason: "USER_NOT_FOUND" });
}

/** Nobody means another mailbox by another case. */
function normal(email: string): string {
  return email.normalize("NFC").toLowerCase();
}

function toUser({ id, email, name, password, home, disabled, created_ms: createdMs }: Row): User {
  return {
    id,
    email,
    name,
    ...(home === null ? {} : { home }),
    disabled: disabled === 1,
    hasPassword: password !== null,
    createdAt: new Date(createdMs).toISOString(),
  };
}
