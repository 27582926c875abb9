import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../sdk/src/errors.ts";
import { once, type OnceKey } from "../shared/once.ts";
import type { Caller } from "./documents/caller.ts";
import { Catalog } from "./documents/catalog.ts";
import { Copies, dropCollection, type CopyPage } from "./documents/copy.ts";
import { redefine } from "./documents/define.ts";
import type { Definition } from "./documents/definition.ts";
import type { Data, Entity } from "./documents/entity.ts";
import { Feed } from "./documents/feed.ts";
import type { Where } from "./documents/filter.ts";
import { adoptFirstSchema } from "./documents/first-schema.ts";
import {
  Reads,
  type AggregateOptions,
  type Change,
  type ChangesOptions,
  type Group,
  type Hit,
  type ListOptions,
  type ListPage,
  type SearchOptions,
} from "./documents/reads.ts";
import { AnswerSize, wireSize } from "./size.ts";
import { Writes, type Mutation, type Written } from "./documents/writes.ts";
import { FEED_LIMITS } from "./limits.ts";

/** What every call brings beside its arguments. */
export interface Call {
  readonly caller: Caller;
  readonly nowMs: number;
  readonly once?: OnceKey | undefined;
}

export interface Check {
  collection: string;
  id: string;
  version: number;
}

export interface CollectionInfo {
  name: string;
  createdAt: string;
  documents: number;
  definition: Definition;
}

export interface Imported {
  collection: string;
  id: string;
  data: Data;
  ttlSeconds?: number | undefined;
}

const EXPIRED_AT_ONCE = 1_000;

/**
 * One tenant's documents, with their search and their feed. No other tenant has a name that leads here, so there is
 * nothing to filter and nothing to forge; no SQL of the tenant's runs here either (that is SqlDatabase).
 */
export class Database extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #catalog: Catalog;
  readonly #feed: Feed;
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #copies: Copies;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#catalog = new Catalog(this.#sql);
    this.#feed = new Feed(this.#sql);
    this.#reads = new Reads(this.#sql, this.#catalog, this.#feed);
    this.#writes = new Writes(this.#sql, this.#catalog, this.#feed);
    this.#copies = new Copies(this.#sql, this.#catalog, this.#feed, this.#writes);
    ctx.storage.transactionSync(() => adoptFirstSchema(this.#sql, this.#catalog, this.#writes));
  }

  get(collection: string, id: string, fields: string[] | undefined, { caller, nowMs }: Call): Entity | null {
    return this.#reads.get(collection, id, caller, nowMs, fields);
  }

  getMany(collection: string, ids: string[], fields: string[] | undefined, { caller, nowMs }: Call): (Entity | null)[] {
    const size = new AnswerSize();
    return ids.map((id) => {
      const entity = this.#reads.get(collection, id, caller, nowMs, fields);
      if (entity) size.demand(sizeOf(entity), "documents");
      return entity;
    });
  }

  list(collection: string, options: ListOptions, { caller, nowMs }: Call): ListPage {
    return this.#reads.list(collection, options, caller, nowMs);
  }

  count(collection: string, where: Where | undefined, { caller, nowMs }: Call): number {
    return this.#reads.count(collection, where, caller, nowMs);
  }

  aggregate(collection: string, options: AggregateOptions, { caller, nowMs }: Call): Group[] {
    return this.#reads.aggregate(collection, options, caller, nowMs);
  }

  search(collection: string, query: string, options: SearchOptions, { caller, nowMs }: Call): { hits: Hit[]; cursor?: string } {
    return this.#reads.search(collection, query, options, caller, nowMs);
  }

  write(mutation: Mutation, call: Call): Promise<{ entity?: Entity | undefined; created: boolean }> {
    return this.#transaction(call, () => this.#writes.apply(mutation, call.caller, call.nowMs));
  }

  /** Every check must hold, then every mutation is done; or nothing is. @returns of each mutation the entity, null for a deletion */
  atomic(checks: Check[], mutations: Mutation[], call: Call): Promise<(Entity | null)[]> {
    return this.#transaction(call, () => {
      for (const check of checks) this.#check(check, call);
      const size = new AnswerSize();
      return mutations.map((mutation) => {
        const entity = entityOf(mutation, this.#writes.apply(mutation, call.caller, call.nowMs));
        if (entity) size.demand(sizeOf(entity), "documents");
        return entity;
      });
    });
  }

  /** Deletes, or patches, at most `limit` of the documents that a filter finds. @returns how many */
  writeMany(collection: string, where: Where, change: { patch: Data } | "delete", limit: number, call: Call): Promise<number> {
    return this.#transaction(call, () => {
      const { items } = this.#reads.list(collection, { where, limit, fields: [] }, call.caller, call.nowMs);
      for (const { id } of items) {
        const mutation: Mutation =
          change === "delete" ? { op: "delete", collection, id } : { op: "patch", collection, id, patch: change.patch };
        this.#writes.apply(mutation, call.caller, call.nowMs);
      }
      return items.length;
    });
  }

  define(name: string, definition: Definition, call: Call): Promise<CollectionInfo> {
    return this.#transaction(call, () => {
      redefine(this.#sql, this.#catalog, name, definition, call.nowMs);
      return this.describe(name) as CollectionInfo;
    });
  }

  drop(name: string, call: Call): Promise<boolean> {
    return this.#transaction(call, () => {
      const collection = this.#catalog.find(name);
      if (collection) dropCollection(this.#sql, this.#catalog, this.#feed, collection, call.nowMs);
      return collection !== undefined;
    });
  }

  describe(name: string): CollectionInfo | null {
    const collection = this.#catalog.find(name);
    if (!collection) return null;
    const { n } = this.#sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${collection.table}`).one();
    return { name, createdAt: new Date(collection.createdMs).toISOString(), documents: n, definition: collection.definition };
  }

  collections(): { name: string; createdAt: string }[] {
    return this.#catalog.all().map(({ name, createdMs }) => ({ name, createdAt: new Date(createdMs).toISOString() }));
  }

  /** Without `since`, from the oldest change that is kept; with `waitMs`, waits for one when there is none. */
  async changes(
    collection: string,
    options: ChangesOptions & { waitMs: number },
    { caller }: Call,
  ): Promise<{ items: Change[]; cursor: string }> {
    const since =
      options.since === undefined ? this.#feed.oldest - 1 : options.since === "now" ? this.#feed.newest : this.#feed.seqOf(options.since);
    const deadlineMs = Date.now() + Math.min(options.waitMs, FEED_LIMITS.waitMs);
    for (;;) {
      const page = this.#reads.changes(collection, since, options, caller);
      const leftMs = deadlineMs - Date.now();
      if (page.items.length > 0 || leftMs <= 0) return page;
      await this.#feed.waited(leftMs);
    }
  }

  stats(): { collections: number; documents: number; changes: number; bytes: number } {
    const count = (table: string) => this.#sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n;
    const all = this.#catalog.all();
    return {
      collections: all.length,
      documents: all.reduce((sum, { table }) => sum + count(table), 0),
      changes: count("changes"),
      bytes: this.#sql.databaseSize,
    };
  }

  /** Where the feed is, and which collections a copy has to read. */
  copyStart(): { since: number; collections: string[] } {
    return { since: this.#feed.newest, collections: this.#catalog.all().map(({ name }) => name) };
  }

  copyDocuments(collection: string, after: number): CopyPage {
    return this.#copies.documents(collection, after);
  }

  /** The last page has the definitions, too: they are of the moment of the last change. */
  copyChanges(since: number): CopyPage {
    const page = this.#copies.changes(since);
    return page.next === undefined ? { ...page, text: page.text + this.#copies.definitions().text } : page;
  }

  stage(run: string, n: number, text: string): void {
    this.#copies.stage(run, n, text);
  }

  restore(run: string, pieces: number, call: Call): Promise<{ collections: number; documents: number }> {
    return this.#transaction(call, () => this.#copies.restore(run, pieces, call.nowMs));
  }

  /** Writes documents of an import, all or none. @returns how many were written; with `skip`, those that exist are not */
  importDocuments(documents: Imported[], mode: "insert" | "upsert" | "skip", call: Call): Promise<{ written: number; skipped: number }> {
    return this.#transaction(call, () => {
      let skipped = 0;
      for (const document of documents) {
        if (mode === "skip" && this.#reads.get(document.collection, document.id, call.caller, call.nowMs)) skipped++;
        else this.#writes.apply({ op: mode === "insert" ? "insert" : "upsert", ...document }, call.caller, call.nowMs);
      }
      return { written: documents.length - skipped, skipped };
    });
  }

  /** Documents whose time is over leave. */
  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    let isMore = false;
    for (const collection of this.#catalog.all()) {
      const gone = this.ctx.storage.transactionSync(() => this.#writes.expire(collection, nowMs, EXPIRED_AT_ONCE));
      isMore ||= gone === EXPIRED_AT_ONCE;
    }
    this.#feed.wake();
    const nextMs = isMore ? nowMs + 1 : this.#nextExpiryMs();
    // An alarm of this very moment would be lost.
    if (nextMs !== undefined) await this.ctx.storage.setAlarm(Math.max(nextMs, nowMs + 1));
  }

  #nextExpiryMs(): number | undefined {
    const times = this.#catalog
      .all()
      .flatMap(
        ({ table }) =>
          this.#sql.exec<{ ms: number | null }>(`SELECT min(expires_ms) AS ms FROM ${table} WHERE expires_ms IS NOT NULL`).one().ms ?? [],
      );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async #transaction<T>(call: Call, run: () => T): Promise<T> {
    let answer: T;
    try {
      answer = this.ctx.storage.transactionSync(() => once(this.#sql, call.once, call.nowMs, run));
    } catch (error) {
      this.#catalog.forget();
      throw error;
    } finally {
      this.#feed.wake();
    }
    await this.#setAlarm();
    return answer;
  }

  async #setAlarm(): Promise<void> {
    const nextMs = this.#writes.nextExpiryMs;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#writes.nextExpiryMs = Number.POSITIVE_INFINITY;
    const setMs = await this.ctx.storage.getAlarm();
    if (setMs === null || nextMs < setMs) await this.ctx.storage.setAlarm(nextMs);
  }

  #check({ collection, id, version }: Check, { caller, nowMs }: Call): void {
    const is = this.#reads.get(collection, id, caller, nowMs)?.version ?? 0;
    if (is === version) return;
    throw new DoError("CONFLICT", `Cannot write: ${collection}/${id} must have version ${version}, got ${is}`, {
      reason: "CHECK_FAILED",
      details: { collection, id, version: is },
    });
  }
}

function sizeOf({ data }: Entity): number {
  return wireSize(JSON.stringify(data));
}

function entityOf(mutation: Mutation, { entity }: Written): Entity | null {
  return mutation.op === "delete" ? null : (entity ?? null);
}
