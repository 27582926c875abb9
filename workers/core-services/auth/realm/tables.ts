import { SESSIONS_TABLE } from "./sessions.ts";

/** What a Realm keeps: the credentials and rights of one tenant, and who did what with them. */
export const CREATE_TABLES = `
  ${SESSIONS_TABLE}
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, lineage TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, environment TEXT NOT NULL,
    start TEXT NOT NULL, last4 TEXT NOT NULL, permissions TEXT NOT NULL, tier TEXT, owner_id TEXT, created_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL, expires_ms INTEGER, disabled INTEGER NOT NULL, revoked_ms INTEGER, meta TEXT NOT NULL,
    rate_limits TEXT NOT NULL, addresses TEXT NOT NULL, first_used_ms INTEGER, last_used_ms INTEGER, rotated_from TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS credits (
    lineage TEXT PRIMARY KEY, remaining INTEGER NOT NULL, refill_amount INTEGER, refill_interval_ms INTEGER, refilled_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS roles (name TEXT PRIMARY KEY, description TEXT NOT NULL, permissions TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS assignments (subject TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (subject, role)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS grants (subject TEXT NOT NULL, permission TEXT NOT NULL, PRIMARY KEY (subject, permission)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL,
    action TEXT NOT NULL, object TEXT NOT NULL, request_id TEXT NOT NULL, details TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS blocked (user_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS revoked_tokens (id TEXT PRIMARY KEY, ends_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, tat_ms REAL NOT NULL) STRICT, WITHOUT ROWID;
`;
