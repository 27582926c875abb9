import type { EntrypointInfo, Settings } from "./engine.ts";
import type { Share } from "./choose.ts";

export const CREATE_TABLES = `
  CREATE TABLE IF NOT EXISTS functions (
    name TEXT PRIMARY KEY, namespace TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
    is_public INTEGER NOT NULL, tags TEXT NOT NULL, deployment TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS functions_by_namespace ON functions (namespace, name);
  CREATE TABLE IF NOT EXISTS versions (
    function TEXT NOT NULL, id TEXT NOT NULL, created_ms INTEGER NOT NULL, created_by TEXT NOT NULL, message TEXT,
    settings TEXT NOT NULL, entrypoints TEXT NOT NULL, code_hash TEXT NOT NULL, source_hash TEXT NOT NULL,
    code_bytes INTEGER NOT NULL, PRIMARY KEY (function, id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS versions_by_time ON versions (function, created_ms);
  CREATE TABLE IF NOT EXISTS deployments (
    function TEXT NOT NULL, id TEXT NOT NULL, deployment TEXT NOT NULL, PRIMARY KEY (function, id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS ranges (function TEXT PRIMARY KEY, ranges TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS secrets (
    function TEXT NOT NULL, key TEXT NOT NULL, sealed BLOB NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (function, key)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS variables (
    function TEXT NOT NULL, key TEXT NOT NULL, sealed BLOB NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (function, key)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS homes (function TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS leaving_homes (id TEXT PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS objects (
    home TEXT NOT NULL, entrypoint TEXT NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (home, entrypoint, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS namespaces (name TEXT PRIMARY KEY, id TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
`;

export interface FunctionRow extends Record<string, SqlStorageValue> {
  name: string;
  namespace: string;
  created_ms: number;
  updated_ms: number;
  is_public: number;
  /** JSON list. */
  tags: string;
  /** JSON; null until a version is live. */
  deployment: string | null;
}

export interface VersionRow extends Record<string, SqlStorageValue> {
  function: string;
  id: string;
  created_ms: number;
  created_by: string;
  message: string | null;
  /** JSON of Settings. */
  settings: string;
  /** JSON of EntrypointInfo[]. */
  entrypoints: string;
  code_hash: string;
  source_hash: string;
  code_bytes: number;
}

/** Which versions answer, since when, by whom. */
export interface Deployment {
  readonly id: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly message?: string;
  readonly shares: Share[];
}

/** A version as it was made. */
export interface NewVersion {
  readonly id: string;
  readonly createdBy: string;
  readonly message: string | undefined;
  readonly settings: Settings;
  readonly entrypoints: readonly EntrypointInfo[];
  readonly code: string;
  readonly map: string;
  /** JSON of the files as they were sent. */
  readonly source: string;
}
