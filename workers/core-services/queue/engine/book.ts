import { DoError } from "../../../../sdk/src/errors.ts";
import type { Consumer } from "../push/consumer.ts";

export type QueueType = "standard" | "fifo";

export interface Backoff {
  baseSeconds: number;
  factor: number;
  maxSeconds: number;
}

/** How a queue behaves. */
export interface Config {
  type: QueueType;
  visibilityTimeoutSeconds: number;
  delaySeconds: number;
  retentionSeconds: number;
  /** Null: never dead by having been tried too often. */
  maxRetries: number | null;
  backoff: Backoff;
  deadLetterQueue: string | null;
  dedupWindowSeconds: number;
  contentDedup: boolean;
  maxMessageBytes: number;
}

export const DEFAULT_CONFIG: Config = {
  type: "standard",
  visibilityTimeoutSeconds: 30,
  delaySeconds: 0,
  retentionSeconds: 345_600,
  maxRetries: 3,
  backoff: { baseSeconds: 1, factor: 2, maxSeconds: 900 },
  deadLetterQueue: null,
  dedupWindowSeconds: 300,
  contentDedup: false,
  maxMessageBytes: 128_000,
};

export const TOTALS = ["sent", "delivered", "acked", "retried", "died", "expired"] as const;
export type Totals = Record<(typeof TOTALS)[number], number>;

/** What an operation has changed of a queue's sums. */
export type Sums = Partial<Totals & { messages: number; bytes: number }>;

/** A queue as it is on record. */
export interface QueueRecord {
  readonly id: number;
  readonly name: string;
  readonly config: Config;
  readonly consumer: Consumer | undefined;
  readonly paused: boolean;
  readonly createdMs: number;
  readonly updatedMs: number;
}

interface QueueRow extends Record<string, SqlStorageValue> {
  id: number;
  name: string;
  config: string;
  consumer: string | null;
  paused: number;
  created_ms: number;
  updated_ms: number;
}

const CREATE_TABLES = `
  CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, config TEXT NOT NULL, consumer TEXT, paused INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, messages INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, acked INTEGER NOT NULL DEFAULT 0, retried INTEGER NOT NULL DEFAULT 0,
    died INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE IF NOT EXISTS dedup (queue INTEGER NOT NULL, key TEXT NOT NULL, message TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (queue, key)) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS dedup_expires ON dedup (expires_ms);
  CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
`;

/** Numbers are reserved by the thousand: a crash leaves a gap, and costs no write for each message. */
const RESERVED = 10_000;

/** The queues of a tenant, what they are called, how they behave, and how much went through them. */
export class Book {
  readonly #sql: SqlStorage;
  readonly #known = new Map<string, QueueRecord>();
  #next = 0;
  #reserved = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(CREATE_TABLES);
  }

  /** @throws DoError NOT_FOUND */
  get(name: string): QueueRecord {
    const found = this.find(name);
    if (!found) throw new DoError("NOT_FOUND", `There is no queue "${name}"`, { reason: "QUEUE_NOT_FOUND" });
    return found;
  }

  find(name: string): QueueRecord | undefined {
    const known = this.#known.get(name);
    if (known) return known;
    const row = this.#sql.exec<QueueRow>("SELECT * FROM queues WHERE name = ?", name).toArray()[0];
    if (!row) return undefined;
    const record = recordOf(row);
    this.#known.set(name, record);
    return record;
  }

  list(after: string, limit: number): QueueRecord[] {
    return this.#sql.exec<QueueRow>("SELECT * FROM queues WHERE name > ? ORDER BY name LIMIT ?", after, limit).toArray().map(recordOf);
  }

  withConsumer(): QueueRecord[] {
    const rows = this.#sql.exec<{ name: string }>("SELECT name FROM queues WHERE consumer IS NOT NULL ORDER BY id").toArray();
    return rows.map(({ name }) => this.get(name));
  }

  count(): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM queues").one().n;
  }

  insert(name: string, config: Config, nowMs: number): QueueRecord {
    this.#sql.exec(
      "INSERT INTO queues (name, config, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)",
      name,
      JSON.stringify(config),
      nowMs,
    );
    return this.get(name);
  }

  change(queue: QueueRecord, changes: { config?: Config; consumer?: Consumer | null; paused?: boolean }, nowMs: number): QueueRecord {
    const { config = queue.config, consumer = queue.consumer, paused = queue.paused } = changes;
    this.#sql.exec(
      "UPDATE queues SET config = ?, consumer = ?, paused = ?, updated_ms = ? WHERE id = ?",
      JSON.stringify(config),
      consumer ? JSON.stringify(consumer) : null,
      Number(paused),
      nowMs,
      queue.id,
    );
    this.#known.delete(queue.name);
    return this.get(queue.name);
  }

  remove(queue: QueueRecord): void {
    this.#sql.exec("DELETE FROM queues WHERE id = ?", queue.id);
    this.#sql.exec("DELETE FROM dedup WHERE queue = ?", queue.id);
    this.#known.delete(queue.name);
  }

  /** After a transaction that was rolled back: what was read or reserved in it may not be there. */
  forget(): void {
    this.#known.clear();
    this.#next = this.#reserved = 0;
  }

  add(queue: QueueRecord, sums: Sums): void {
    const changed = Object.entries(sums).filter(([, by]) => by !== 0);
    if (changed.length === 0) return;
    // Names are those of the type, none is from outside.
    const set = changed.map(([name]) => `${name} = ${name} + ?`).join(", ");
    this.#sql.exec(`UPDATE queues SET ${set} WHERE id = ?`, ...changed.map(([, by]) => by), queue.id);
  }

  totals(queue: QueueRecord): Totals & { messages: number; bytes: number } {
    return this.#sql
      .exec<Totals & { messages: number; bytes: number }>(
        "SELECT messages, bytes, sent, delivered, acked, retried, died, expired FROM queues WHERE id = ?",
        queue.id,
      )
      .one();
  }

  /** A number that no message of the tenant has had. */
  nextSeq(): number {
    if (this.#next >= this.#reserved) {
      this.#reserved = this.#sql
        .exec<{ value: number }>(
          "INSERT INTO numbers VALUES ('seq', ?1) ON CONFLICT (name) DO UPDATE SET value = value + ?1 RETURNING value",
          RESERVED,
        )
        .one().value;
      this.#next = this.#reserved - RESERVED;
    }
    return this.#next++;
  }

  /** The message that was sent under this key within the window. */
  duplicateOf(queue: QueueRecord, key: string, nowMs: number): string | undefined {
    return this.#sql
      .exec<{ message: string }>("SELECT message FROM dedup WHERE queue = ? AND key = ? AND expires_ms > ?", queue.id, key, nowMs)
      .toArray()[0]?.message;
  }

  rememberKey(queue: QueueRecord, key: string, message: string, nowMs: number): void {
    this.#sql.exec("DELETE FROM dedup WHERE expires_ms <= ?", nowMs);
    const expiresMs = nowMs + queue.config.dedupWindowSeconds * 1_000;
    this.#sql.exec("INSERT OR REPLACE INTO dedup VALUES (?, ?, ?, ?)", queue.id, key, message, expiresMs);
  }
}

function recordOf({ id, name, config, consumer, paused, created_ms, updated_ms }: QueueRow): QueueRecord {
  return {
    id,
    name,
    config: JSON.parse(config) as Config,
    consumer: consumer === null ? undefined : (JSON.parse(consumer) as Consumer),
    paused: paused === 1,
    createdMs: created_ms,
    updatedMs: updated_ms,
  };
}
