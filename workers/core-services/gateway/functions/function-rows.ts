import { DoError } from "../../../../sdk/src/errors.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import { pageOf, type PageOf } from "./page.ts";
import { namespaceOf } from "./namespaces.ts";
import type { Deployment, FunctionRow } from "./tables.ts";

export interface FunctionInfo {
  name: string;
  createdAt: string;
  updatedAt: string;
  public: boolean;
  tags: string[];
  deployment?: Deployment;
}

/** What is changed of a function with a deployment, or by itself. */
export interface FunctionChanges {
  readonly tags?: readonly string[] | undefined;
  readonly isPublic?: boolean | undefined;
  readonly secrets?: Readonly<Record<string, string>> | undefined;
}

/** The names of a tenant's functions, and what is no part of a version. */
export class FunctionRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  has(name: string): boolean {
    return this.#sql.exec("SELECT 1 FROM functions WHERE name = ?", name).toArray().length > 0;
  }

  /** @throws DoError NOT_FOUND */
  get(name: string): FunctionInfo {
    const [row] = this.#sql.exec<FunctionRow>("SELECT * FROM functions WHERE name = ?", name).toArray();
    if (!row) throw noFunction(name);
    return toInfo(row);
  }

  list(namespace: string | undefined, tag: string | undefined, limit: number, cursor: string | undefined): PageOf<FunctionInfo> {
    const rows = this.#sql
      .exec<FunctionRow>(
        `SELECT * FROM functions WHERE name > ? AND (? IS NULL OR namespace = ?)
           AND (? IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)) ORDER BY name LIMIT ?`,
        cursor ?? "",
        namespace ?? null,
        namespace ?? null,
        tag ?? null,
        tag ?? null,
        limit + 1,
      )
      .toArray();
    return pageOf(rows, limit, toInfo, ({ name }) => name);
  }

  /** @throws DoError LIMIT_EXCEEDED */
  insert(name: string, nowMs: number): void {
    const [{ count } = { count: 0 }] = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM functions").toArray();
    if (count >= FUNCTION_LIMITS.functions) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot deploy: a tenant has at most ${FUNCTION_LIMITS.functions} functions`, {
        reason: "TOO_MANY_FUNCTIONS",
        retryable: false,
      });
    }
    this.#sql.exec("INSERT INTO functions VALUES (?, ?, ?, ?, 0, '[]', NULL)", name, namespaceOf(name), nowMs, nowMs);
  }

  change(name: string, { tags, isPublic }: FunctionChanges, nowMs: number): void {
    if (tags !== undefined) this.#sql.exec("UPDATE functions SET tags = ? WHERE name = ?", JSON.stringify([...new Set(tags)]), name);
    if (isPublic !== undefined) this.#sql.exec("UPDATE functions SET is_public = ? WHERE name = ?", isPublic ? 1 : 0, name);
    this.#sql.exec("UPDATE functions SET updated_ms = ? WHERE name = ?", nowMs, name);
  }

  delete(name: string): boolean {
    return this.#sql.exec("DELETE FROM functions WHERE name = ?", name).rowsWritten > 0;
  }
}

function toInfo(row: FunctionRow): FunctionInfo {
  return {
    name: row.name,
    createdAt: new Date(row.created_ms).toISOString(),
    updatedAt: new Date(row.updated_ms).toISOString(),
    public: row.is_public === 1,
    tags: JSON.parse(row.tags) as string[],
    ...(row.deployment === null ? {} : { deployment: JSON.parse(row.deployment) as Deployment }),
  };
}

export function noFunction(name: string): DoError {
  return new DoError("NOT_FOUND", `There is no function "${name}"`, { reason: "NO_SUCH_FUNCTION" });
}
