import { DoError } from "../../../../sdk/src/errors.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import type { SecretPlace, Vault } from "./vault.ts";

export interface SecretInfo {
  key: string;
  updatedAt: string;
}

type Row = { key: string; sealed: ArrayBuffer; updated_ms: number };

/** What is encrypted on the disk, each in a table of its own: secrets, and variables, which can be read again. */
export type SecretKind = "secrets" | "variables";

/** In place of a function: secrets that egress rules alone name, which no code gets. It is no name that a function can have. */
export const FOR_EGRESS = "egress:";

/** Of a tenant and of each of its functions. Of secrets only calls get the values back; what is listed is their names. */
export class Secrets {
  readonly #kind: SecretKind;
  readonly #sql: SqlStorage;
  readonly #vault: () => Vault;
  readonly #tenant: string;

  constructor(kind: SecretKind, sql: SqlStorage, vault: () => Vault, tenant: string) {
    this.#kind = kind;
    this.#sql = sql;
    this.#vault = vault;
    this.#tenant = tenant;
  }

  /** What the code of a function gets: the tenant's, and over them its own. */
  async of(name: string): Promise<Record<string, string>> {
    return { ...(await this.own("")), ...(await this.own(name)) };
  }

  /** Those of the function alone; with an empty name, of the tenant. */
  own(name: string): Promise<Record<string, string>> {
    return this.#open(name, this.#rows(name));
  }

  /** Of the keys those that are set for egress rules, and else for all of the tenant. */
  async forEgress(keys: readonly string[]): Promise<Record<string, string>> {
    const named = (name: string) =>
      this.#open(
        name,
        this.#rows(name).filter(({ key }) => keys.includes(key)),
      );
    return { ...(await named("")), ...(await named(FOR_EGRESS)) };
  }

  async #open(name: string, rows: readonly Row[]): Promise<Record<string, string>> {
    if (rows.length === 0) return {};
    const vault = this.#vault();
    const opened = rows.map(async ({ key, sealed }) => [key, await vault.open(new Uint8Array(sealed), this.#place(name, key))] as const);
    return Object.fromEntries(await Promise.all(opened));
  }

  /** Encrypts, so that what follows can be one step. @throws DoError UNAVAILABLE without a key of the operator */
  async seal(name: string, values: Readonly<Record<string, string>>): Promise<[key: string, sealed: Uint8Array][]> {
    const entries = Object.entries(values);
    if (entries.length === 0) return [];
    const vault = this.#vault();
    return Promise.all(
      entries.map(async ([key, value]): Promise<[string, Uint8Array]> => [key, await vault.seal(value, this.#place(name, key))]),
    );
  }

  put(name: string, sealed: readonly (readonly [key: string, sealed: Uint8Array])[], nowMs: number): void {
    for (const [key, bytes] of sealed) this.#sql.exec(`INSERT OR REPLACE INTO ${this.#kind} VALUES (?, ?, ?, ?)`, name, key, bytes, nowMs);
    if (this.#rows(name).length <= FUNCTION_LIMITS.secrets) return;
    throw new DoError("LIMIT_EXCEEDED", `Cannot keep it: there are at most ${FUNCTION_LIMITS.secrets} ${this.#kind}`, {
      reason: `TOO_MANY_${this.#kind.toUpperCase()}`,
      retryable: false,
    });
  }

  list(name: string): SecretInfo[] {
    return this.#rows(name).map(({ key, updated_ms }) => ({ key, updatedAt: new Date(updated_ms).toISOString() }));
  }

  delete(name: string, key: string): boolean {
    return this.#sql.exec(`DELETE FROM ${this.#kind} WHERE function = ? AND key = ?`, name, key).rowsWritten > 0;
  }

  /** All of a function. */
  deleteAll(name: string): void {
    this.#sql.exec(`DELETE FROM ${this.#kind} WHERE function = ?`, name);
  }

  /** A variable's row opens as no secret. */
  #place(name: string, key: string): SecretPlace {
    return { tenant: this.#tenant, name: this.#kind === "secrets" ? name : `variables:${name}`, key };
  }

  #rows(name: string): Row[] {
    return this.#sql.exec<Row>(`SELECT key, sealed, updated_ms FROM ${this.#kind} WHERE function = ? ORDER BY key`, name).toArray();
  }
}
