import { DoError } from "../../../../sdk/src/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import { Texts } from "../../shared/texts.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import type { EntrypointInfo } from "./engine.ts";
import { pageOf, type PageOf } from "./page.ts";
import type { NewVersion, VersionRow } from "./tables.ts";

/** A version as it is shown; `settings` and `entrypoints` are those of engine.ts. */
export interface VersionInfo {
  id: string;
  createdAt: string;
  createdBy: string;
  message?: string;
  settings: { permissions: string[]; tier: string; limits: Record<string, number>; bindings: Record<string, unknown>[]; egress?: unknown };
  entrypoints: { name: string; kind: EntrypointInfo["kind"]; methods: string[] }[];
  codeBytes: number;
}

/** The versions of a tenant's functions, which never change, with the texts that they are made of. */
export class Versions {
  readonly #sql: SqlStorage;
  readonly #texts: Texts;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#texts = new Texts(sql);
  }

  /** The module of a version, by its hash. */
  code(hash: string): string {
    const text = this.#texts.get(`code:${hash}`);
    if (text === undefined) throw new DoError("NOT_FOUND", "The code of this version is no longer kept");
    return text;
  }

  /** Where positions of the module stand in the files that were sent. */
  sourceMap(hash: string): string | undefined {
    return this.#texts.get(`map:${hash}`);
  }

  has(name: string, id: string): boolean {
    return this.#sql.exec("SELECT 1 FROM versions WHERE function = ? AND id = ?", name, id).toArray().length > 0;
  }

  /** @throws DoError NOT_FOUND */
  row(name: string, id: string): VersionRow {
    const [row] = this.#sql.exec<VersionRow>("SELECT * FROM versions WHERE function = ? AND id = ?", name, id).toArray();
    if (!row) throw noVersion(name, id);
    return row;
  }

  list(name: string, limit: number, cursor: string | undefined): PageOf<VersionInfo> {
    const rows = this.#sql
      .exec<VersionRow>(
        "SELECT * FROM versions WHERE function = ? AND (created_ms, id) < (?, ?) ORDER BY created_ms DESC, id DESC LIMIT ?",
        name,
        cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor.split(".")[0]),
        cursor?.split(".")[1] ?? "~",
        limit + 1,
      )
      .toArray();
    return pageOf(rows, limit, toVersion, ({ created_ms, id }) => `${created_ms}.${id}`);
  }

  /** One version with the files that it was made of. @throws DoError NOT_FOUND */
  get(name: string, id: string): VersionInfo & { files: Record<string, string>; mainModule: string } {
    const row = this.row(name, id);
    const source = JSON.parse(this.#texts.get(`source:${row.source_hash}`) ?? '{"files":[],"mainModule":""}') as {
      files: [string, string][];
      mainModule: string;
    };
    return { ...toVersion(row), files: Object.fromEntries(source.files), mainModule: source.mainModule };
  }

  /** Keeps a version, and lets the oldest go of too many. @param answering those that stay @returns false for one that is kept already */
  insert(name: string, version: NewVersion, answering: readonly string[], nowMs: number): boolean {
    if (this.has(name, version.id)) return false;
    const codeHash = sha256(version.code);
    const sourceHash = sha256(version.source);
    this.#texts.put(`code:${codeHash}`, version.code);
    this.#texts.put(`map:${codeHash}`, version.map);
    this.#texts.put(`source:${sourceHash}`, version.source);
    this.#sql.exec(
      "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      name,
      version.id,
      nowMs,
      version.createdBy,
      version.message ?? null,
      JSON.stringify(version.settings),
      JSON.stringify(version.entrypoints),
      codeHash,
      sourceHash,
      version.code.length,
    );
    this.#dropOldest(name, [version.id, ...answering]);
    return true;
  }

  /** All of a function. */
  delete(name: string): void {
    this.#sql.exec("DELETE FROM versions WHERE function = ?", name);
    this.#dropTexts();
  }

  #dropOldest(name: string, but: readonly string[]): void {
    const { rowsWritten } = this.#sql.exec(
      `DELETE FROM versions WHERE function = ? AND id NOT IN (SELECT value FROM json_each(?)) AND id NOT IN
         (SELECT id FROM versions WHERE function = ? ORDER BY created_ms DESC, id DESC LIMIT ?)`,
      name,
      JSON.stringify(but),
      name,
      FUNCTION_LIMITS.versions,
    );
    if (rowsWritten > 0) this.#dropTexts();
  }

  #dropTexts(): void {
    this.#sql.exec(
      `DELETE FROM texts WHERE key NOT IN (SELECT 'code:' || code_hash FROM versions UNION SELECT 'map:' || code_hash FROM versions
         UNION SELECT 'source:' || source_hash FROM versions)`,
    );
  }
}

function toVersion(row: VersionRow): VersionInfo {
  return {
    id: row.id,
    createdAt: new Date(row.created_ms).toISOString(),
    createdBy: row.created_by,
    ...(row.message === null ? {} : { message: row.message }),
    settings: JSON.parse(row.settings) as VersionInfo["settings"],
    entrypoints: JSON.parse(row.entrypoints) as VersionInfo["entrypoints"],
    codeBytes: row.code_bytes,
  };
}

export function noVersion(name: string, id: string): DoError {
  return new DoError("NOT_FOUND", `${name} has no version ${id}`, { reason: "NO_SUCH_VERSION" });
}
