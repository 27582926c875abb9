import { once, type OnceKey } from "../../shared/once.ts";
import { DENY_ALL, type EgressRules } from "./rules.ts";
import type { Seal } from "./seal.ts";

export interface StoredEgress {
  readonly rules: EgressRules;
  readonly updatedMs: number | undefined;
}

const NOTHING: StoredEgress = { rules: DENY_ALL, updatedMs: undefined };

/** The egress rules of one tenant, encrypted, since they hold what is added to requests. */
export class EgressStore {
  readonly #sql: SqlStorage;
  readonly #seal: Seal;
  #known: StoredEgress | undefined;

  constructor(sql: SqlStorage, seal: Seal) {
    this.#sql = sql;
    this.#seal = seal;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS egress (id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL, updated_ms INTEGER NOT NULL) STRICT",
    );
  }

  async get(): Promise<StoredEgress> {
    if (this.#known) return this.#known;
    const [row] = this.#sql.exec<{ sealed: ArrayBuffer; updated_ms: number }>("SELECT * FROM egress").toArray();
    if (!row) return NOTHING;
    const rules = JSON.parse(await this.#seal.open(new Uint8Array(row.sealed))) as EgressRules;
    return (this.#known = { rules, updatedMs: row.updated_ms });
  }

  async set(rules: EgressRules, key: OnceKey | undefined, nowMs: number): Promise<{ updatedMs: number }> {
    const sealed = await this.#seal.close(JSON.stringify(rules));
    return once(this.#sql, key, nowMs, () => {
      this.#sql.exec("INSERT OR REPLACE INTO egress VALUES (1, ?, ?)", sealed, nowMs);
      this.#known = undefined;
      return { updatedMs: nowMs };
    });
  }
}
