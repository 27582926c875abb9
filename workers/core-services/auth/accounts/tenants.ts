import { DoError } from "../../../../sdk/src/errors.ts";
import type { Tenant } from "../schema/users.ts";

interface Row extends Record<string, SqlStorageValue> {
  name: string;
  tag: string;
  display_name: string;
  tier: string | null;
  disabled: number;
  /** 1: made by the operator; 0: only used, by who has it in the props of a binding. */
  made: number;
  created_ms: number;
}

export const TENANTS_TABLE = `
  CREATE TABLE IF NOT EXISTS tenants (
    name TEXT PRIMARY KEY, tag TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, tier TEXT, disabled INTEGER NOT NULL, made INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Crockford's base 32, as in ULIDs. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TAG_CHARACTERS = 8;

/** Which tenants there are, and the tag that their credentials begin with. A tag is never given to another. */
export class Tenants {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  byTag(tag: string): string | undefined {
    return this.#sql.exec<{ name: string }>("SELECT name FROM tenants WHERE tag = ?", tag).toArray()[0]?.name;
  }

  /** The tag of a tenant, made when it has none. */
  tagOf(name: string, nowMs: number): string {
    const known = this.#find(name);
    if (known) return known.tag;
    const tag = newTag();
    this.#sql.exec("INSERT INTO tenants VALUES (?, ?, ?, NULL, 0, 0, ?)", name, tag, name, nowMs);
    return tag;
  }

  create(name: string, displayName: string, tier: string, nowMs: number): Tenant {
    if (this.#find(name)?.made === 1) throw new DoError("CONFLICT", `There is a tenant "${name}"`, { reason: "TENANT_EXISTS" });
    this.tagOf(name, nowMs);
    this.#sql.exec("UPDATE tenants SET display_name = ?, tier = ?, made = 1 WHERE name = ?", displayName, tier, name);
    return this.get(name);
  }

  get(name: string): Tenant {
    const row = this.#find(name);
    if (!row) throw new DoError("NOT_FOUND", `There is no tenant "${name}"`, { reason: "TENANT_NOT_FOUND" });
    return toTenant(row);
  }

  update(
    name: string,
    { displayName, tier, disabled }: { displayName?: string | undefined; tier?: string | undefined; disabled?: boolean | undefined },
  ): Tenant {
    const before = this.get(name);
    this.#sql.exec(
      "UPDATE tenants SET display_name = ?, tier = ?, disabled = ? WHERE name = ?",
      displayName ?? before.displayName,
      tier ?? before.tier ?? null,
      Number(disabled ?? before.disabled),
      name,
    );
    return this.get(name);
  }

  list(limit: number, cursor: string | undefined): { items: Tenant[]; cursor?: string } {
    const rows = this.#sql.exec<Row>("SELECT * FROM tenants WHERE name > ? ORDER BY name LIMIT ?", cursor ?? "", limit + 1).toArray();
    const items = rows.slice(0, limit).map(toTenant);
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.name } : { items };
  }

  #find(name: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM tenants WHERE name = ?", name).toArray()[0];
  }
}

function newTag(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(TAG_CHARACTERS)), (byte) => ALPHABET.charAt(byte & 31)).join("");
}

function toTenant({ name, display_name: displayName, tier, disabled, created_ms: createdMs }: Row): Tenant {
  return { name, displayName, ...(tier === null ? {} : { tier }), disabled: disabled === 1, createdAt: new Date(createdMs).toISOString() };
}
