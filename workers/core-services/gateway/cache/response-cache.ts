import { DurableObject } from "cloudflare:workers";
import type { Remote } from "../../auth/remote.ts";
import type { Times } from "./collapse.ts";
import { Flights, type Landing } from "./flights.ts";
import type { StoredHead } from "./policy.ts";

export const CACHE_LIMITS = { entryBytes: 1_048_576, bytes: 67_108_864, entries: 10_000, variants: 16, tags: 16 } as const;

/** Under what an answer is kept: a URL as it came in, and the route that it took. */
export interface CacheKey {
  readonly url: string;
  readonly route: string;
}

export interface StoredAnswer extends StoredHead {
  readonly id: number;
  readonly body: Uint8Array;
}

export interface NewAnswer extends StoredHead {
  readonly vary: readonly (readonly [name: string, value: string])[];
  readonly tags: readonly string[];
  readonly body: Uint8Array;
}

export type Purge = { readonly by: "all" } | { readonly by: "tags" | "routes" | "urls"; readonly of: readonly string[] };

interface Row extends Record<string, SqlStorageValue> {
  id: number;
  vary: string;
  status: number;
  headers: string;
  request_ms: number;
  response_ms: number;
  body: ArrayBuffer;
}

export interface Found {
  readonly answer: StoredAnswer | undefined;
  /** Whether there are answers of the URL for other headers. */
  readonly others: boolean;
  /** What `put` is told: what was asked for before a purge is not kept after it. */
  readonly since: string;
}

/** A request that may be one of several that are equal. */
export interface ToBoard extends Times {
  readonly key: CacheKey;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly isAuthorized: boolean;
  /** The kept answer that was found too old, if any. */
  readonly seen: Pick<StoredAnswer, "id" | "responseMs"> | undefined;
}

/** `lead`: asks for all that wait. `landed`: something is kept that was not. `alone`: asks for itself. `under-way`: somebody asks. */
export type Boarded =
  | { readonly kind: "lead"; readonly flight: number }
  | { readonly kind: "landed" | "alone" | "under-way"; readonly found: Found };

/** The answers that a tenant's routes keep. One object for each tenant; nothing in it is lost that could not be asked for again. */
export class ResponseCache extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #flights = new Flights();
  /** Another one after each purge. */
  #since = crypto.randomUUID();

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS answers (
        id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL, route TEXT NOT NULL, vary TEXT NOT NULL, status INTEGER NOT NULL,
        headers TEXT NOT NULL, request_ms INTEGER NOT NULL, response_ms INTEGER NOT NULL, body BLOB NOT NULL, bytes INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX IF NOT EXISTS answers_by_url ON answers (url, route);
      CREATE INDEX IF NOT EXISTS answers_by_route ON answers (route);
      CREATE TABLE IF NOT EXISTS tags (tag TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (tag, id)) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS tags_by_id ON tags (id);
    `);
  }

  /** The newest answer whose chosen headers are those of the request. */
  find({ url, route }: CacheKey, requestHeaders: readonly (readonly [string, string])[]): Found {
    const rows = this.#sql.exec<Row>("SELECT * FROM answers WHERE url = ? AND route = ? ORDER BY id DESC", url, route).toArray();
    const asked = new Map(requestHeaders);
    const row = rows.find(({ vary }) =>
      (JSON.parse(vary) as [string, string][]).every(([name, value]) => (asked.get(name) ?? "") === value),
    );
    return { answer: row && toAnswer(row), others: rows.length > 0, since: this.#since };
  }

  /** One of equal requests is to ask; the others hear of what is kept when it has its answer, or their wait is over. */
  async board({ key, headers, isAuthorized, seen, waitMs, withinMs }: ToBoard): Promise<Boarded> {
    const overMs = Date.now() + waitMs;
    // What an answer depends on may be known only when the first has come: then it is waited for by those who need the same.
    for (let waits = 0; waits < MOST_WAITS; waits++) {
      const found = this.find(key, headers);
      if (isNewer(found.answer, seen)) return { kind: "landed", found };
      const name = this.#flightName(key, headers, isAuthorized);
      const boarding = this.#flights.board(name, Date.now() + withinMs, Date.now());
      if (boarding.kind === "lead") return boarding;
      const leftMs = overMs - Date.now();
      if (boarding.kind === "alone") return { kind: "alone", found };
      if (leftMs <= 0) return { kind: "under-way", found };
      // oxlint-disable-next-line no-await-in-loop -- it waits on purpose
      if (!(await isInTime(boarding.landed, leftMs))) {
        this.#flights.isForOne(name, Date.now());
        break;
      }
    }
    const found = this.find(key, headers);
    return { kind: isNewer(found.answer, seen) ? "landed" : "alone", found };
  }

  /** Who leads has its answer, or none. */
  land(flight: number, landing: Landing): void {
    this.#flights.land(flight, landing, Date.now());
  }

  /** Equal are those of one URL, with the same in the headers that its answers are known to depend on. */
  #flightName({ url, route }: CacheKey, headers: ToBoard["headers"], isAuthorized: boolean): string {
    const [newest] = this.#sql
      .exec<{ vary: string }>("SELECT vary FROM answers WHERE url = ? AND route = ? ORDER BY id DESC LIMIT 1", url, route)
      .toArray();
    const asked = new Map(headers);
    const names = newest ? (JSON.parse(newest.vary) as [string, string][]).map(([name]) => name) : [];
    return JSON.stringify([url, route, isAuthorized, names.map((name) => [name, asked.get(name) ?? ""])]);
  }

  /** Keeps an answer in place of the one for the same headers; the oldest leave when there is no room. @returns whether it is kept */
  put({ url, route }: CacheKey, { vary, status, headers, requestMs, responseMs, body, tags }: NewAnswer, since: string): boolean {
    if (since !== this.#since) return false;
    const varyText = JSON.stringify(vary);
    this.#delete("url = ? AND route = ? AND vary = ?", url, route, varyText);
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO answers (url, route, vary, status, headers, request_ms, response_ms, body, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        url,
        route,
        varyText,
        status,
        JSON.stringify(headers),
        requestMs,
        responseMs,
        body,
        body.byteLength,
      )
      .one();
    for (const tag of tags) this.#sql.exec("INSERT OR IGNORE INTO tags VALUES (?, ?)", tag, id);
    const variants = this.#sql
      .exec<{ id: number }>("SELECT id FROM answers WHERE url = ? AND route = ? ORDER BY id DESC", url, route)
      .toArray();
    for (const { id: old } of variants.slice(CACHE_LIMITS.variants)) this.#delete("id = ?", old);
    this.#makeRoom();
    return true;
  }

  /** What was asked about has not changed: it is as new as if it had come now. */
  refresh(id: number, { headers, requestMs, responseMs }: Pick<StoredHead, "headers" | "requestMs" | "responseMs">): void {
    this.#sql.exec(
      "UPDATE answers SET headers = ?, request_ms = ?, response_ms = ? WHERE id = ?",
      JSON.stringify(headers),
      requestMs,
      responseMs,
      id,
    );
  }

  /** @returns how many are gone */
  purge(purge: Purge): number {
    this.#since = crypto.randomUUID();
    this.#flights.landAll();
    if (purge.by === "all") return this.#delete("1 = 1");
    const where = { tags: "id IN (SELECT id FROM tags WHERE tag = ?)", routes: "route = ?", urls: "url = ?" }[purge.by];
    return purge.of.reduce((sum, name) => sum + this.#delete(where, name), 0);
  }

  #makeRoom(): void {
    for (;;) {
      const { n, bytes } = this.#sql
        .exec<{ n: number; bytes: number }>("SELECT count(*) AS n, coalesce(sum(bytes), 0) AS bytes FROM answers")
        .one();
      if (n <= CACHE_LIMITS.entries && bytes <= CACHE_LIMITS.bytes) return;
      this.#delete("id IN (SELECT id FROM answers ORDER BY id LIMIT ?)", Math.max(1, Math.ceil(n / 20)));
    }
  }

  #delete(where: string, ...values: (string | number)[]): number {
    const gone = this.#sql.exec<{ id: number }>(`DELETE FROM answers WHERE ${where} RETURNING id`, ...values).toArray();
    for (const { id } of gone) this.#sql.exec("DELETE FROM tags WHERE id = ?", id);
    return gone.length;
  }
}

const MOST_WAITS = 2;

/** Another one than was seen, or the same, which was asked about meanwhile. */
function isNewer(answer: StoredAnswer | undefined, seen: ToBoard["seen"]): boolean {
  return answer !== undefined && (answer.id !== seen?.id || answer.responseMs !== seen.responseMs);
}

/** Whether it settles before the time is over. */
async function isInTime(work: Promise<void>, ms: number): Promise<boolean> {
  const over = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => over.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function toAnswer({ id, status, headers, request_ms: requestMs, response_ms: responseMs, body }: Row): StoredAnswer {
  return { id, status, headers: JSON.parse(headers) as [string, string][], requestMs, responseMs, body: new Uint8Array(body) };
}

export function responseCacheOf(env: Cloudflare.Env, tenant: string): Remote<ResponseCache> {
  return env.RESPONSE_CACHE.getByName(tenant) as unknown as Remote<ResponseCache>;
}
