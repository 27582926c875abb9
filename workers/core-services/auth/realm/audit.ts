import type { AuditEntry } from "../schema/audit.ts";
import type { By } from "../actor.ts";

/** What is kept; the oldest leave first. */
const MAX_ENTRIES = 100_000;
/** Equal refusals within this time are one entry, with their number: a prober must not fill the trail. */
const REPEAT_MS = 60_000;
const MAX_REPEATING = 1_000;

interface Row extends Record<string, SqlStorageValue> {
  seq: number;
  at_ms: number;
  actor_kind: string;
  actor_id: string;
  action: string;
  object: string;
  request_id: string;
  details: string;
}

export interface AuditFilter {
  readonly actor: string | undefined;
  readonly action: string | undefined;
  readonly object: string | undefined;
  readonly before: number | undefined;
  readonly limit: number;
}

/** The trail of one tenant: it is appended to and read, never changed. */
export class Audit {
  readonly #sql: SqlStorage;
  readonly #repeating = new Map<string, { untilMs: number; dropped: number }>();
  #sinceSweep = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  append({ kind, id, requestId }: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    this.#sql.exec(
      "INSERT INTO audit (at_ms, actor_kind, actor_id, action, object, request_id, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
      nowMs,
      kind,
      id,
      action,
      object,
      requestId,
      JSON.stringify(details),
    );
    if (++this.#sinceSweep < 1_000) return;
    this.#sinceSweep = 0;
    this.#sql.exec("DELETE FROM audit WHERE seq <= (SELECT MAX(seq) FROM audit) - ?", MAX_ENTRIES);
  }

  /** The same for what anyone can cause as often as they like. */
  appendOften(by: By, action: string, object: string, nowMs: number, details: Record<string, unknown> = {}): void {
    const key = JSON.stringify([by.kind, by.id, action, object]);
    const known = this.#repeating.get(key);
    if (known && known.untilMs > nowMs) return void known.dropped++;
    if (this.#repeating.size >= MAX_REPEATING) this.#repeating.clear();
    this.#repeating.set(key, { untilMs: nowMs + REPEAT_MS, dropped: 0 });
    this.append(by, action, object, nowMs, known && known.dropped > 0 ? { ...details, alsoTimes: known.dropped } : details);
  }

  list({ actor, action, object, before, limit }: AuditFilter): { items: AuditEntry[]; cursor?: string } {
    const rows = this.#sql
      .exec<Row>(
        `SELECT * FROM audit WHERE seq < ? AND (? IS NULL OR actor_id = ?) AND (? IS NULL OR action = ?) AND (? IS NULL OR object = ?)
         ORDER BY seq DESC LIMIT ?`,
        before ?? Number.MAX_SAFE_INTEGER,
        ...both(actor),
        ...both(action),
        ...both(object),
        limit + 1,
      )
      .toArray();
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return { items: page.map(toEntry), ...(rows.length > limit && last ? { cursor: String(last.seq) } : {}) };
  }
}

function both(value: string | undefined): [string | null, string | null] {
  return [value ?? null, value ?? null];
}

function toEntry(row: Row): AuditEntry {
  return {
    at: new Date(row.at_ms).toISOString(),
    actor: { kind: row.actor_kind, id: row.actor_id },
    action: row.action,
    object: row.object,
    requestId: row.request_id,
    details: JSON.parse(row.details) as Record<string, unknown>,
  };
}
