import { newId } from "../../shared/ids.ts";
import { hashCredential, newCredential, REFRESH_LABEL, SESSION_LABEL } from "../credential.ts";
import type { Session } from "../schema/sessions.ts";
import { iso } from "./keys.ts";

export interface SessionRow extends Record<string, SqlStorageValue> {
  id: string;
  user_id: string;
  /** 1: of a user without tenant, in the Realm that is theirs alone. */
  personal: number;
  access_hash: string;
  access_ends_ms: number;
  refresh_hash: string;
  idle_ends_ms: number;
  ends_ms: number;
  created_ms: number;
  last_used_ms: number;
  device: string | null;
  address: string | null;
  revoked_ms: number | null;
}

export const SESSIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, personal INTEGER NOT NULL, access_hash TEXT NOT NULL, access_ends_ms INTEGER NOT NULL,
    refresh_hash TEXT NOT NULL, idle_ends_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL, device TEXT, address TEXT, revoked_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS refreshed (session_id TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (session_id, hash)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS members (user_id TEXT PRIMARY KEY, email TEXT NOT NULL, joined_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

const ACCESS_MS = 15 * 60_000;
const IDLE_MS = 30 * 86_400_000;
const LIFE_MS = 90 * 86_400_000;
/** Who signs in once more ends the oldest. */
const MAX_SESSIONS_OF_USER = 100;

export interface NewSession {
  readonly userId: string;
  readonly personal: boolean;
  readonly device: string | undefined;
  readonly address: string | undefined;
}

export interface SessionTokens {
  session: Session;
  token: string;
  expiresAt: string;
  refreshToken: string;
}

export type Refreshed = { readonly kind: "tokens"; readonly tokens: SessionTokens } | { readonly kind: "unknown" | "ended" | "reused" };

/**
 * The sessions of users in one tenant. Tokens are kept as hashes. A refresh token is good once: the hashes of those that
 * were used are kept as long as the session, so that a stolen one that comes again is known, and ends it for both.
 */
export class Sessions {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  row(id: string): SessionRow | undefined {
    return this.#sql.exec<SessionRow>("SELECT * FROM sessions WHERE id = ?", id).toArray()[0];
  }

  create(tag: string, { userId, personal, device, address }: NewSession, nowMs: number): SessionTokens {
    this.#sweep(userId, nowMs);
    const id = newId("ses", nowMs);
    const { token, refreshToken } = textsFor(tag, id);
    this.#sql.exec(
      "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
      id,
      userId,
      Number(personal),
      hashCredential(token),
      nowMs + ACCESS_MS,
      hashCredential(refreshToken),
      nowMs + IDLE_MS,
      nowMs + LIFE_MS,
      nowMs,
      nowMs,
      device ?? null,
      address ?? null,
    );
    return this.#tokens(id, token, refreshToken, nowMs + ACCESS_MS);
  }

  refresh(tag: string, id: string, hash: string, nowMs: number): Refreshed {
    const row = this.row(id);
    if (!row) return { kind: "unknown" };
    const isUsed = this.#sql.exec("SELECT 1 FROM refreshed WHERE session_id = ? AND hash = ?", id, hash).toArray().length > 0;
    if (isUsed) {
      this.revoke(id, nowMs);
      return { kind: "reused" };
    }
    if (row.refresh_hash !== hash) return { kind: "unknown" };
    if (row.revoked_ms !== null || Math.min(row.idle_ends_ms, row.ends_ms) <= nowMs) return { kind: "ended" };
    const { token, refreshToken } = textsFor(tag, id);
    this.#sql.exec("INSERT INTO refreshed VALUES (?, ?)", id, hash);
    this.#sql.exec(
      "UPDATE sessions SET access_hash = ?, access_ends_ms = ?, refresh_hash = ?, idle_ends_ms = ?, last_used_ms = ? WHERE id = ?",
      hashCredential(token),
      nowMs + ACCESS_MS,
      hashCredential(refreshToken),
      nowMs + IDLE_MS,
      nowMs,
      id,
    );
    return { kind: "tokens", tokens: this.#tokens(id, token, refreshToken, nowMs + ACCESS_MS) };
  }

  revoke(id: string, nowMs: number): boolean {
    return this.#sql.exec("UPDATE sessions SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", nowMs, id).rowsWritten > 0;
  }

  /** @param but the one that goes on */
  revokeOf(userId: string, but: string | undefined, nowMs: number): number {
    const cursor = this.#sql.exec(
      "UPDATE sessions SET revoked_ms = ? WHERE user_id = ? AND id != ? AND revoked_ms IS NULL RETURNING id",
      nowMs,
      userId,
      but ?? "",
    );
    return cursor.toArray().length;
  }

  list(userId: string | undefined, limit: number, cursor: string | undefined): { items: Session[]; cursor?: string } {
    const rows = this.#sql
      .exec<SessionRow>(
        "SELECT * FROM sessions WHERE id < ? AND (? IS NULL OR user_id = ?) ORDER BY id DESC LIMIT ?",
        cursor ?? "ses_~",
        userId ?? null,
        userId ?? null,
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit).map(toSession);
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.id } : { items };
  }

  #tokens(id: string, token: string, refreshToken: string, endsMs: number): SessionTokens {
    const row = this.row(id);
    if (!row) throw new Error("The session was not written");
    return { session: toSession(row), token, expiresAt: iso(endsMs), refreshToken };
  }

  /** What has ended for good goes, and the oldest of too many. */
  #sweep(userId: string, nowMs: number): void {
    this.#sql.exec("DELETE FROM sessions WHERE ends_ms <= ?", nowMs);
    this.#sql.exec(
      "DELETE FROM sessions WHERE user_id = ?1 AND id NOT IN (SELECT id FROM sessions WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2)",
      userId,
      MAX_SESSIONS_OF_USER - 1,
    );
    this.#sql.exec("DELETE FROM refreshed WHERE session_id NOT IN (SELECT id FROM sessions)");
  }
}

function textsFor(tag: string, id: string): { token: string; refreshToken: string } {
  const ulid = id.slice(4);
  return {
    token: newCredential({ label: SESSION_LABEL, tag, ulid }),
    refreshToken: newCredential({ label: REFRESH_LABEL, tag, ulid }),
  };
}

export function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    userId: row.user_id,
    createdAt: iso(row.created_ms),
    lastUsedAt: iso(row.last_used_ms),
    expiresAt: iso(Math.min(row.idle_ends_ms, row.ends_ms)),
    ...(row.device === null ? {} : { device: row.device }),
    ...(row.address === null ? {} : { address: row.address }),
    ...(row.revoked_ms === null ? {} : { revokedAt: iso(row.revoked_ms) }),
  };
}
