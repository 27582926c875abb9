/** Where a message is in its life. Those below READY wait for a moment: the end of a delay, or of a lease. */
export const DELAYED = 0;
export const LEASED = 1;
export const READY = 2;
export const DEAD = 3;

/** A message as it is stored. Its body comes last: what only asks for the others never reads it. */
export interface MessageRow extends Record<string, SqlStorageValue> {
  /** Its place among all of the tenant's messages, which is the order of a queue. */
  seq: number;
  id: string;
  state: number;
  /** 1 when nothing of its group is before it. In a queue without groups, always. */
  head: number;
  /** When it may be delivered, or its lease ends. */
  visible_ms: number;
  priority: number;
  grp: string | null;
  attempts: number;
  lease: string | null;
  leased_ms: number | null;
  first_ms: number | null;
  sent_ms: number;
  /** From when its retention counts. */
  kept_ms: number;
  size: number;
  /** The queue that it died in. */
  source: string | null;
  death: string | null;
  dedup: string | null;
  sender: string;
  attributes: string | null;
  /** Null: the body is text. Empty: JSON. Else the types that JSON does not have. */
  types: string | null;
  body: string;
}

/** What most decisions need of it. */
export type MessageHead = Pick<
  MessageRow,
  "seq" | "id" | "state" | "head" | "visible_ms" | "grp" | "attempts" | "lease" | "leased_ms" | "size" | "source"
>;

const HEAD = "seq, id, state, head, visible_ms, grp, attempts, lease, leased_ms, size, source";
const COLUMNS = [
  "seq",
  "id",
  "state",
  "head",
  "visible_ms",
  "priority",
  "grp",
  "attempts",
  "lease",
  "leased_ms",
  "first_ms",
  "sent_ms",
  "kept_ms",
  "size",
  "source",
  "death",
  "dedup",
  "sender",
  "attributes",
  "types",
  "body",
] as const satisfies readonly (keyof MessageRow)[];

/** Of one statement, as the runtime has it. */
const MOST_BOUND = 100;

/** The most that one statement of the house-keeping changes. */
const STEP = 1_000;

/** The messages of one queue: a table of its own, so that emptying it is dropping it. Statements and no rules. */
export class Messages {
  readonly #sql: SqlStorage;
  readonly #table: string;
  readonly #isFifo: boolean;

  constructor(sql: SqlStorage, queueId: number, isFifo: boolean) {
    this.#sql = sql;
    this.#table = `messages_${queueId}`;
    this.#isFifo = isFifo;
  }

  create(): void {
    const t = this.#table;
    this.#sql.exec(
      `CREATE TABLE ${t} (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, state INTEGER NOT NULL, head INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
        priority INTEGER NOT NULL, grp TEXT, attempts INTEGER NOT NULL, lease TEXT, leased_ms INTEGER, first_ms INTEGER, sent_ms INTEGER NOT NULL,
        kept_ms INTEGER NOT NULL, size INTEGER NOT NULL, source TEXT, death TEXT, dedup TEXT, sender TEXT NOT NULL, attributes TEXT, types TEXT, body TEXT NOT NULL) STRICT;
      CREATE INDEX ${t}_ready ON ${t} (priority DESC, seq) WHERE state = ${READY} AND head = 1;
      CREATE INDEX ${t}_waiting ON ${t} (state, visible_ms) WHERE state < ${READY};
      CREATE INDEX ${t}_dead ON ${t} (seq) WHERE state = ${DEAD};
      CREATE INDEX ${t}_source ON ${t} (source, seq) WHERE source IS NOT NULL;
      ${this.#isFifo ? `CREATE INDEX ${t}_group ON ${t} (grp, head, seq) WHERE state < ${DEAD};` : ""}`,
    );
  }

  drop(): void {
    this.#sql.exec(`DROP TABLE ${this.#table}`);
  }

  /** What is the same in all rows is bound once: a statement may bind a hundred values, and costs more than a row. */
  insert(rows: readonly MessageRow[]): void {
    const [first] = rows;
    if (!first) return;
    const own = COLUMNS.filter((column) => rows.some((row) => row[column] !== first[column]));
    const common = COLUMNS.filter((column) => !own.includes(column) && first[column] !== null);
    const columns = [...common, ...own];
    const perStatement = own.length === 0 ? 1 : Math.floor((MOST_BOUND - common.length) / own.length);
    for (let at = 0; at < rows.length; at += perStatement) {
      const some = rows.slice(at, at + perStatement);
      const values = some.map(
        (_, i) => `(${columns.map((_column, c) => `?${c < common.length ? c + 1 : c + 1 + i * own.length}`).join(",")})`,
      );
      this.#sql.exec(
        `INSERT INTO ${this.#table} (${columns.join(",")}) VALUES ${values.join(",")}`,
        ...common.map((column) => first[column]),
        ...some.flatMap((row) => own.map((column) => row[column])),
      );
    }
  }

  row(seq: number): MessageRow | undefined {
    return this.#sql.exec<MessageRow>(`SELECT * FROM ${this.#table} WHERE seq = ?`, seq).toArray()[0];
  }

  heads(seqs: readonly number[]): Map<number, MessageHead> {
    const rows = this.#sql
      .exec<MessageHead>(`SELECT ${HEAD} FROM ${this.#table} WHERE seq IN (SELECT value FROM json_each(?))`, JSON.stringify(seqs))
      .toArray();
    return new Map(rows.map((row) => [row.seq, row]));
  }

  /** Those that would be delivered next. */
  next(limit: number): Pick<MessageRow, "seq" | "size" | "visible_ms">[] {
    return this.#sql
      .exec<Pick<MessageRow, "seq" | "size" | "visible_ms">>(
        `SELECT seq, size, visible_ms FROM ${this.#table} WHERE state = ${READY} AND head = 1 ORDER BY priority DESC, seq LIMIT ?`,
        limit,
      )
      .toArray();
  }

  lease(seqs: readonly number[], lease: string, untilMs: number, nowMs: number): MessageRow[] {
    return this.#sql
      .exec<MessageRow>(
        `UPDATE ${this.#table} SET state = ${LEASED}, visible_ms = ?1, lease = ?2, attempts = attempts + 1, leased_ms = ?3, first_ms = coalesce(first_ms, ?3)
         WHERE seq IN (SELECT value FROM json_each(?4)) RETURNING *`,
        untilMs,
        lease,
        nowMs,
        JSON.stringify(seqs),
      )
      .toArray()
      .toSorted((a, b) => b.priority - a.priority || a.seq - b.seq);
  }

  /** Takes those whose last lease this is. */
  removeHeld(held: readonly { seq: number; id: string; lease: string }[]): Pick<MessageRow, "seq" | "grp" | "size">[] {
    return this.#sql
      .exec<Pick<MessageRow, "seq" | "grp" | "size">>(
        `DELETE FROM ${this.#table} WHERE (seq, id, lease) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)) RETURNING seq, grp, size`,
        JSON.stringify(held.map(({ seq, id, lease }) => [seq, id, lease])),
      )
      .toArray();
  }

  remove(seqs: readonly number[]): void {
    this.#sql.exec(`DELETE FROM ${this.#table} WHERE seq IN (SELECT value FROM json_each(?))`, JSON.stringify(seqs));
  }

  /** Waits until then, for its next delivery. */
  delay(seq: number, visibleMs: number, nowMs: number): void {
    const state = visibleMs > nowMs ? DELAYED : READY;
    this.#sql.exec(`UPDATE ${this.#table} SET state = ?, visible_ms = ?, lease = NULL WHERE seq = ?`, state, visibleMs, seq);
  }

  /** As if it had not been delivered this time. */
  giveBack(seq: number, nowMs: number): void {
    this.#sql.exec(
      `UPDATE ${this.#table} SET state = ${READY}, visible_ms = ?, lease = NULL, attempts = attempts - 1 WHERE seq = ?`,
      nowMs,
      seq,
    );
  }

  extend(seq: number, untilMs: number): void {
    this.#sql.exec(`UPDATE ${this.#table} SET visible_ms = ? WHERE seq = ?`, untilMs, seq);
  }

  bury(seq: number, death: string, source: string, nowMs: number): void {
    this.#sql.exec(
      `UPDATE ${this.#table} SET state = ${DEAD}, head = 0, lease = NULL, kept_ms = ?, death = ?, source = ? WHERE seq = ?`,
      nowMs,
      death,
      source,
      seq,
    );
  }

  /** Those whose delay is over become ready. */
  endDelays(nowMs: number): void {
    this.#sql.exec(
      `UPDATE ${this.#table} SET state = ${READY} WHERE seq IN (SELECT seq FROM ${this.#table} WHERE state < ${READY} AND state = ${DELAYED} AND visible_ms <= ? LIMIT ${STEP})`,
      nowMs,
    );
  }

  /** Those whose lease has run out; they keep its name, so that who still holds it can acknowledge until another has it. */
  endedLeases(nowMs: number): MessageHead[] {
    return this.#sql
      .exec<MessageHead>(
        `SELECT ${HEAD} FROM ${this.#table} WHERE state < ${READY} AND state = ${LEASED} AND visible_ms <= ? ORDER BY visible_ms LIMIT ${STEP}`,
        nowMs,
      )
      .toArray();
  }

  makeReady(seqs: readonly number[]): void {
    this.#sql.exec(`UPDATE ${this.#table} SET state = ${READY} WHERE seq IN (SELECT value FROM json_each(?))`, JSON.stringify(seqs));
  }

  /** The oldest, which are those whose retention ends first. */
  oldest(): Pick<MessageRow, "seq" | "id" | "grp" | "size" | "kept_ms" | "state">[] {
    return this.#sql
      .exec<Pick<MessageRow, "seq" | "id" | "grp" | "size" | "kept_ms" | "state">>(
        `SELECT seq, id, grp, size, kept_ms, state FROM ${this.#table} ORDER BY seq LIMIT ${STEP}`,
      )
      .toArray();
  }

  hasGroup(group: string): boolean {
    return this.#sql.exec(`SELECT 1 FROM ${this.#table} WHERE grp = ? AND state < ${DEAD} LIMIT 1`, group).toArray().length > 0;
  }

  /** Its first message is its head; but one that is in flight stays it until it is settled, so that no second one is. */
  rehead(group: string): void {
    const first = (head: 0 | 1) =>
      this.#sql
        .exec<{ seq: number; state: number }>(
          `SELECT seq, state FROM ${this.#table} WHERE grp = ? AND head = ${head} AND state < ${DEAD} ORDER BY seq LIMIT 1`,
          group,
        )
        .toArray()[0];
    const [head, next] = [first(1), first(0)];
    if (!next || head?.state === LEASED || (head && head.seq < next.seq)) return;
    const setHead = (seq: number, value: 0 | 1) => this.#sql.exec(`UPDATE ${this.#table} SET head = ${value} WHERE seq = ?`, seq);
    if (head) setHead(head.seq, 0);
    setHead(next.seq, 1);
  }

  /** When the next one becomes ready by time alone. */
  nextChangeMs(): number | undefined {
    const first = (state: number) =>
      this.#sql
        .exec<{ visible_ms: number }>(
          `SELECT visible_ms FROM ${this.#table} WHERE state < ${READY} AND state = ${state} ORDER BY visible_ms LIMIT 1`,
        )
        .toArray()[0]?.visible_ms;
    const times = [first(DELAYED), first(LEASED)].filter((ms) => ms !== undefined);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  countWaiting(state: typeof DELAYED | typeof LEASED): number {
    return this.#sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${this.#table} WHERE state < ${READY} AND state = ${state}`).one().n;
  }

  countDead(): number {
    return this.#sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${this.#table} WHERE state = ${DEAD}`).one().n;
  }

  oldestSentMs(): number | undefined {
    return this.#sql.exec<{ sent_ms: number }>(`SELECT sent_ms FROM ${this.#table} WHERE state < ${DEAD} ORDER BY seq LIMIT 1`).toArray()[0]
      ?.sent_ms;
  }

  page(after: number, limit: number): MessageRow[] {
    return this.#sql.exec<MessageRow>(`SELECT * FROM ${this.#table} WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit).toArray();
  }

  /** Dead letters that are kept here: those that came from `source`, or without one from any queue. */
  letters(source: string | undefined, after: number, limit: number): MessageRow[] {
    const select = (where: string, ...bound: SqlStorageValue[]) =>
      this.#sql
        .exec<MessageRow>(`SELECT * FROM ${this.#table} WHERE ${where} AND seq > ?1 ORDER BY seq LIMIT ?2`, after, limit, ...bound)
        .toArray();
    return source === undefined ? select("source IS NOT NULL") : select("source = ?3", source);
  }
}
