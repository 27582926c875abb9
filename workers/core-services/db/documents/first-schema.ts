import type { Catalog } from "./catalog.ts";
import type { Row } from "./entity.ts";
import type { Writes } from "./writes.ts";

/**
 * The first version kept all documents in one table, beside the tenant's own. They move into their collections; tables
 * that the tenant's SQL made here stay where they are, out of its reach.
 */
export function adoptFirstSchema(sql: SqlStorage, catalog: Catalog, writes: Writes): void {
  const columns = sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('documents')").toArray();
  if (!["collection", "id", "version", "created_ms", "updated_ms", "data"].every((name) => columns.some((column) => column.name === name)))
    return;
  for (const row of sql.exec<Row & { collection: string }>("SELECT * FROM documents").toArray()) {
    const { collection, id, version, created_ms, updated_ms, data } = row;
    writes.put(catalog.open(collection, created_ms), { id, version, created_ms, updated_ms, expires_ms: null, data });
  }
  sql.exec("DROP TABLE documents");
}
