import { Hono, type Context } from "hono";
import { STATUS_BY_CODE } from "../../../../../../sdk/src/errors.ts";
import type { Entity, EntityPage } from "../../../../../../sdk/src/db.ts";
import { newId } from "../../../../../core-services/shared/ids.ts";
import { DB_LIMITS } from "../../../../../core-services/db/limits.ts";
import { DoError, publicError } from "../../../errors.ts";
import { Session } from "../../../session.ts";
import { readJson } from "../../body.ts";
import type { HttpEnv } from "../../env.ts";
import { parseFilters, toField, type TextSearch } from "./filter.ts";
import { parseOrder, parseSelect, type Row } from "./select.ts";

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const SINGLE = "application/vnd.pgrst.object+json";
const RESERVED = new Set(["select", "order", "limit", "offset", "on_conflict", "columns"]);

/**
 * The part of PostgREST that `@supabase/postgrest-js` speaks for tables, over collections: a row is a document's data with
 * its `id`. Everything goes through the methods of db, and so does what a caller may.
 *
 * @see https://docs.postgrest.org/en/stable/references/api/tables_views.html
 */
export const rest = new Hono<HttpEnv>()
  .on(["GET", "HEAD"], "/rest/:collection", (c) => answered(c, () => read(c)))
  .post("/rest/:collection", (c) => answered(c, () => insert(c)))
  .patch("/rest/:collection", (c) => answered(c, () => update(c)))
  .delete("/rest/:collection", (c) => answered(c, () => remove(c)));

type C = Context<HttpEnv, "/rest/:collection">;

interface Query {
  where: Record<string, unknown>;
  search: TextSearch | undefined;
  toRow: (entity: Entity) => Row;
  orderBy: string[];
  limit: number;
  offset: number;
}

async function read(c: C): Promise<Response> {
  const query = queryOf(c);
  const wantsCount = /\bcount=/.test(c.req.header("prefer") ?? "");
  const { items, total } = await find(c, query, wantsCount);
  return rows(c, items.map(query.toRow), query.offset, total, total !== undefined && items.length < total ? 206 : 200);
}

async function insert(c: C): Promise<Response> {
  const collection = c.req.param("collection");
  const sent = toList(await readJson(c.req.raw, MAX_BODY_BYTES));
  const [, resolution] = /\bresolution=(merge-duplicates|ignore-duplicates)\b/.exec(c.req.header("prefer") ?? "") ?? [];
  const conflict = c.req.query("on_conflict");
  const columns = c.req
    .query("columns")
    ?.split(",")
    .map((name) => name.replaceAll('"', ""));
  const known = resolution !== undefined && conflict !== undefined && conflict !== "id" ? await idsBy(c, conflict, sent) : undefined;
  const documents = sent.map((row) => {
    const { id, ...data } = columns ? Object.fromEntries(Object.entries(row).filter(([name]) => columns.includes(name))) : row;
    return { id: known?.get(JSON.stringify(row[conflict ?? ""])) ?? idOf(id), data };
  });
  const isThere =
    resolution === "ignore-duplicates"
      ? new Set(
          await existing(
            c,
            documents.map(({ id }) => id),
          ),
        )
      : undefined;
  const entities = await atomic(
    c,
    documents
      .filter(({ id }) => !isThere?.has(id))
      .map(({ id, data }) =>
        resolution === "merge-duplicates" ? { op: "upsert", merge: true, collection, id, data } : { op: "insert", collection, id, data },
      ),
  );
  return written(c, entities, 201);
}

async function update(c: C): Promise<Response> {
  const [patch] = toList(await readJson(c.req.raw, MAX_BODY_BYTES));
  const { id: _, ...data } = patch ?? {};
  const targets = await all(c);
  const collection = c.req.param("collection");
  return written(
    c,
    await atomic(
      c,
      targets.map(({ id, version }) => ({ op: "patch", collection, id, patch: data, ifVersion: version })),
    ),
    200,
  );
}

async function remove(c: C): Promise<Response> {
  const targets = await all(c);
  const collection = c.req.param("collection");
  await atomic(
    c,
    targets.map(({ id, version }) => ({ op: "delete", collection, id, ifVersion: version })),
  );
  return written(c, targets, 200);
}

/** Documents that a query finds. A text search finds at most a thousand, which are then ordered. */
async function find(c: C, query: Query, count: boolean): Promise<{ items: Entity[]; total: number | undefined }> {
  const collection = c.req.param("collection");
  const { where, search, orderBy, limit, offset } = query;
  if (!search) {
    if (limit === 0) return { items: [], total: count ? await counted(c, where) : undefined };
    const options = { where, orderBy, limit, offset, count };
    const { items, total } = (await Session.invoke(c.var.caller, "db", "list", [collection, options])) as EntityPage;
    return { items, total };
  }
  const options = { where, in: [search.field], limit: DB_LIMITS.listItems };
  const { hits } = (await Session.invoke(c.var.caller, "db", "search", [collection, search.query, options])) as { hits: Entity[] };
  const total = count ? hits.length : undefined;
  if (orderBy.length === 0 || hits.length === 0) return { items: hits.slice(offset, offset + limit), total };
  const found = { where: { $id: { in: hits.map(({ id }) => id) } }, orderBy, limit: Math.max(1, limit), offset };
  const { items } = (await Session.invoke(c.var.caller, "db", "list", [collection, found])) as EntityPage;
  return { items: items.slice(0, limit), total };
}

async function counted(c: C, where: Record<string, unknown>): Promise<number> {
  const answer = (await Session.invoke(c.var.caller, "db", "count", [c.req.param("collection"), where])) as { count: number };
  return answer.count;
}

/** All that a change is about; more than one transaction takes is refused, not done in part. */
async function all(c: C): Promise<Entity[]> {
  const { items, total } = await find(c, { ...queryOf(c), limit: DB_LIMITS.mutations, offset: 0 }, true);
  if (total !== undefined && total > items.length) {
    throw new DoError("TOO_LARGE", `Cannot change ${total} documents at once: at most ${DB_LIMITS.mutations}; narrow the filter`);
  }
  return items;
}

async function atomic(c: C, mutations: object[]): Promise<Entity[]> {
  if (mutations.length === 0) return [];
  const { entities } = (await Session.invoke(c.var.caller, "db", "atomic", [{ mutations }])) as { entities: (Entity | null)[] };
  return entities.filter((entity) => entity !== null);
}

/** The ids of documents that have one of the values of a column, by value. */
async function idsBy(c: C, column: string, sent: readonly Row[]): Promise<Map<string, string>> {
  const field = toField(column);
  const options = { where: { [field]: { in: sent.map((row) => row[column]) } }, limit: DB_LIMITS.listItems };
  const { items } = (await Session.invoke(c.var.caller, "db", "list", [c.req.param("collection"), options])) as EntityPage;
  const toRow = parseSelect(column);
  return new Map(items.map((entity) => [JSON.stringify(toRow(entity)[column]), entity.id]));
}

async function existing(c: C, ids: string[]): Promise<string[]> {
  const found = (await Session.invoke(c.var.caller, "db", "getMany", [c.req.param("collection"), ids])) as (Entity | null)[];
  return found.flatMap((entity) => entity?.id ?? []);
}

function queryOf(c: C): Query {
  const pairs = [...new URL(c.req.url).searchParams];
  const limit = wholeNumber(c.req.query("limit"), "limit", DB_LIMITS.listItems);
  if (limit > DB_LIMITS.listItems) throw new DoError("INVALID_ARGUMENT", `limit: must be at most ${DB_LIMITS.listItems}, got ${limit}`);
  return {
    ...parseFilters(pairs.filter(([name]) => !RESERVED.has(name))),
    toRow: parseSelect(c.req.query("select")),
    orderBy: parseOrder(c.req.query("order")),
    limit,
    offset: wholeNumber(c.req.query("offset"), "offset", 0),
  };
}

function wholeNumber(text: string | undefined, name: string, absent: number): number {
  if (text === undefined) return absent;
  if (!/^\d{1,9}$/.test(text))
    throw new DoError("INVALID_ARGUMENT", `${name}: must be a whole number, got ${JSON.stringify(text.slice(0, 32))}`);
  return Number(text);
}

function written(c: C, entities: readonly Entity[], status: 200 | 201): Response {
  const prefer = c.req.header("prefer") ?? "";
  const total = /\bcount=/.test(prefer) ? entities.length : undefined;
  if (/\breturn=representation\b/.test(prefer)) return rows(c, entities.map(parseSelect(c.req.query("select"))), 0, total, status);
  return c.body(null, status === 201 ? 201 : 204, total === undefined ? {} : { "content-range": `*/${total}` });
}

function rows(c: C, found: Row[], offset: number, total: number | undefined, status: 200 | 201 | 206): Response {
  const range = found.length === 0 ? "*" : `${offset}-${offset + found.length - 1}`;
  const headers = { "content-range": `${range}/${total ?? "*"}` };
  if (c.req.method === "HEAD") return c.body(null, status, headers);
  if (!(c.req.header("accept") ?? "").includes(SINGLE)) return c.json(found, status, headers);
  if (found.length === 1) return c.json(found[0], status, { ...headers, "content-type": `${SINGLE}; charset=utf-8` });
  return c.json(
    {
      code: "PGRST116",
      message: "Cannot coerce the result to a single JSON object",
      details: `The result contains ${found.length} rows`,
      hint: null,
    },
    406,
  );
}

async function answered(c: C, run: () => Promise<Response>): Promise<Response> {
  try {
    return await run();
  } catch (error) {
    const { code, reason, message, details } = publicError(error, c.env.requestId);
    // Programs look for Postgres' number of a value that is there already.
    const known = reason === "UNIQUE" || reason === "EXISTS" ? "23505" : code;
    return c.json(
      { code: known, message, details: details === undefined ? null : JSON.stringify(details), hint: null },
      STATUS_BY_CODE[code] as 400,
    );
  }
}

function toList(body: unknown): Row[] {
  const list = Array.isArray(body) ? (body as unknown[]) : [body];
  if (list.length > DB_LIMITS.mutations)
    throw new DoError("TOO_LARGE", `Cannot write ${list.length} documents at once: at most ${DB_LIMITS.mutations}`);
  if (!list.every((row): row is Row => typeof row === "object" && row !== null && !Array.isArray(row))) {
    throw new DoError("INVALID_ARGUMENT", "The body must be an object or a list of objects");
  }
  return list;
}

function idOf(id: unknown): string {
  if (id === undefined || id === null) return newId("doc", Date.now());
  if (typeof id === "string") return id;
  if (typeof id === "number") return String(id);
  throw new DoError("INVALID_ARGUMENT", "id: must be a string or a number");
}
