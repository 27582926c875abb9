import { newId } from "../../shared/ids.ts";

export interface NamespaceInfo {
  name: string;
  id: string;
  createdAt: string;
}

/** The namespaces of a tenant: names that its functions may stand under. */
export class Namespaces {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  create(name: string, nowMs: number): NamespaceInfo {
    this.#sql.exec("INSERT OR IGNORE INTO namespaces VALUES (?, ?, ?)", name, newId("ns", nowMs), nowMs);
    const [row] = this.#sql.exec<{ id: string; created_ms: number }>("SELECT * FROM namespaces WHERE name = ?", name).toArray();
    return { name, id: row?.id ?? "", createdAt: new Date(row?.created_ms ?? nowMs).toISOString() };
  }

  list(): (NamespaceInfo & { functions: number })[] {
    return this.#sql
      .exec<{ name: string; id: string; created_ms: number; functions: number }>(
        "SELECT n.*, (SELECT count(*) FROM functions f WHERE f.namespace = n.name) AS functions FROM namespaces n ORDER BY name",
      )
      .toArray()
      .map(({ name, id, created_ms, functions }) => ({ name, id, createdAt: new Date(created_ms).toISOString(), functions }));
  }

  delete(name: string): boolean {
    return this.#sql.exec("DELETE FROM namespaces WHERE name = ?", name).rowsWritten > 0;
  }
}

/** Empty for a function of no namespace. */
export function namespaceOf(name: string): string {
  return name.includes("/") ? (name.split("/")[0] ?? "") : "";
}
