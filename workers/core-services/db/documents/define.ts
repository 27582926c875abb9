import { DoError } from "../../../../sdk/src/errors.ts";
import type { Catalog, Collection } from "./catalog.ts";
import { compileSchema, type Definition } from "./definition.ts";
import type { Data } from "./entity.ts";
import { compileWhere } from "./filter.ts";
import { fieldOf } from "./path.ts";
import { createSearch, dropSearch } from "./search.ts";

const MISFITS_NAMED = 5;

/**
 * Makes a collection what its definition says, in the transaction of the caller. What is stored must fit it: a document
 * that does not, or two with one unique value, refuse the change, named.
 *
 * @throws DoError INVALID_ARGUMENT for a definition that cannot be, CONFLICT for documents that do not fit it
 */
export function redefine(sql: SqlStorage, catalog: Catalog, name: string, definition: Definition, nowMs: number): Collection {
  checkDefinition(definition);
  const before = catalog.open(name, nowMs);
  if (isChanged(before.definition.schema, definition.schema)) checkStored(sql, before, definition);
  if (isChanged(before.definition.indexes, definition.indexes) || isChanged(before.definition.unique, definition.unique)) {
    dropIndexes(sql, before);
    createIndexes(sql, before, definition);
  }
  const isSearchChanged = isChanged(before.definition.search, definition.search);
  if (isSearchChanged) dropSearch(sql, before);
  const after = catalog.redefine(before, definition);
  if (isSearchChanged) createSearch(sql, after);
  return after;
}

/** Everything that would fail later is tried now. */
function checkDefinition({ schema, indexes = [], unique = [], search, rules = {} }: Definition): void {
  compileSchema(schema);
  for (const field of [...indexes, ...unique, search?.fields ?? []].flat()) {
    if (fieldOf(field).kind !== "data") throw refused(`${field} needs no index; it is a part of each document`);
  }
  for (const rule of Object.values(rules).flat()) compileWhere(rule?.where);
}

function checkStored(sql: SqlStorage, { table, name }: Collection, { schema }: Definition): void {
  const check = compileSchema(schema);
  const misfits: { id: string; problem: string }[] = [];
  let count = 0;
  for (const { id, data } of sql.exec<{ id: string; data: string }>(`SELECT id, data FROM ${table} ORDER BY id`)) {
    try {
      check(JSON.parse(data) as Data);
    } catch (error) {
      count++;
      if (misfits.length < MISFITS_NAMED) misfits.push({ id, problem: error instanceof Error ? error.message : "does not fit" });
    }
  }
  const [first] = misfits;
  if (!first) return;
  throw new DoError(
    "CONFLICT",
    `Cannot define ${name}: ${count} stored documents do not fit the schema, the first is ${first.id} (${first.problem})`,
    {
      reason: "STORED_DOCUMENTS",
      details: { count, documents: misfits },
    },
  );
}

function dropIndexes(sql: SqlStorage, { table, definition: { indexes = [], unique = [] } }: Collection): void {
  indexes.forEach((_, i) => sql.exec(`DROP INDEX ${table}_index_${i}`));
  unique.forEach((_, i) => sql.exec(`DROP INDEX ${table}_unique_${i}`));
}

function createIndexes(sql: SqlStorage, { table, name }: Collection, { indexes = [], unique = [] }: Definition): void {
  indexes.forEach((fields, i) => sql.exec(`CREATE INDEX ${table}_index_${i} ON ${table} (${columns(fields)})`));
  unique.forEach((fields, i) => {
    const shared = columns(fields);
    const isThere = fields.map((field) => `${column(field)} IS NOT NULL`).join(" AND ");
    const [double] = sql
      .exec<{ ids: string }>(
        `SELECT json_group_array(id) AS ids FROM ${table} WHERE ${isThere} GROUP BY ${shared} HAVING count(*) > 1 LIMIT 1`,
      )
      .toArray();
    if (double) {
      const ids = (JSON.parse(double.ids) as string[]).slice(0, MISFITS_NAMED);
      throw new DoError("CONFLICT", `Cannot define ${name}: ${fields.join(", ")} is not unique, ${ids.join(" and ")} have the same`, {
        reason: "NOT_UNIQUE",
        details: { fields, ids },
      });
    }
    sql.exec(`CREATE UNIQUE INDEX ${table}_unique_${i} ON ${table} (${shared})`);
  });
}

function columns(fields: readonly string[]): string {
  return fields.map(column).join(", ");
}

/** As a filter writes it, without the name of the row: else the index is not found. */
function column(field: string): string {
  return fieldOf(field).value.replace("d.data", "data");
}

function isChanged(before: unknown, after: unknown): boolean {
  return JSON.stringify(before ?? null) !== JSON.stringify(after ?? null);
}

function refused(problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot define the collection: ${problem}`, { reason: "BAD_DEFINITION" });
}
