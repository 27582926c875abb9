import { DoError } from "../../../../sdk/src/errors.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import type { Vault } from "./vault.ts";

export interface SecretInfo {
  key: string;
  updatedAt: string;
}

type Row = { key: string; sealed: ArrayBuffer; updated_ms: number };

/** Of a tenant and of each of its functions. Only calls get them back in the clear; what is listed is their names. */
export class Secrets {
  readonly #sql: SqlStorage;
  readonly #vault: () => Vault;
  readonly #tenant: string;

  constructor(sql: SqlStorage, vault: () => Vault, tenant: string) {
    this.#sql = sql;
    this.#vault = vault;
    this.#tenant = tenant;
  }

  /** What the code of a function gets: the tenant's, and over them its own. */
  async of(name: string): Promise<Record<string, string>> {
    const rows = [...this.#rows("").map((row) => ({ of: "", row })), ...this.#rows(name).map((row) => ({ of: name, row }))];
    if (rows.length === 0) return {};
    const vault = this.#vault();
    const opened = rows.map(async ({ of, row }) => {
      const place = { tenant: this.#tenant, name: of, key: row.key };
      return [row.key, await vault.open(new Uint8Array(row.sealed), place)] as const;
    });
    return Object.fromEntries(await Promise.all(opened));
  }

  /** Encrypts, so that what follows can be one step. @throws DoError UNAVAILABLE without a key of the operator */
  async seal(name: string, values: Readonly<Record<string, string>>): Promise<[key: string, sealed: Uint8Array][]> {
    const entries = Object.entries(values);
    if (entries.length === 0) return [];
    const vault = this.#vault();
    return Promise.all(
      entries.map(async ([key, value]): Promise<[string, Uint8Array]> => [
        key,
        await vault.seal(value, { tenant: this.#tenant, name, key }),
      ]),
    );
  }

  put(name: string, sealed: readonly (readonly [key: string, sealed: Uint8Array])[], nowMs: number): void {
    for (const [key, bytes] of sealed) this.#sql.exec("INSERT OR REPLACE INTO secrets VALUES (?, ?, ?, ?)", name, key, bytes, nowMs);
    if (this.#rows(name).length <= FUNCTION_LIMITS.secrets) return;
    throw new DoError("LIMIT_EXCEEDED", `Cannot keep the secret: there are at most ${FUNCTION_LIMITS.secrets}`, {
      reason: "TOO_MANY_SECRETS",
      retryable: false,
    });
  }

  list(name: string): SecretInfo[] {
    return this.#rows(name).map(({ key, updated_ms }) => ({ key, updatedAt: new Date(updated_ms).toISOString() }));
  }

  delete(name: string, key: string): boolean {
    return this.#sql.exec("DELETE FROM secrets WHERE function = ? AND key = ?", name, key).rowsWritten > 0;
  }

  #rows(name: string): Row[] {
    return this.#sql.exec<Row>("SELECT key, sealed, updated_ms FROM secrets WHERE function = ? ORDER BY key", name).toArray();
  }
}
