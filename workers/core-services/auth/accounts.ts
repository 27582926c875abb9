import { DurableObject } from "cloudflare:workers";
import type { Remote } from "./remote.ts";

const CREATE_TABLES = `
  CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, tag TEXT NOT NULL UNIQUE, display_name TEXT, tier TEXT, disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Crockford's base 32, as in ULIDs. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TAG_CHARACTERS = 8;

/** What no tenant has for itself: which tenants there are. There is one object of this class. */
export class Accounts extends DurableObject {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(CREATE_TABLES);
  }

  /** The tenant whose credentials begin with this tag. A tag is never given to another. */
  tenantOf(tag: string): string | undefined {
    return this.#sql.exec<{ name: string }>("SELECT name FROM tenants WHERE tag = ?", tag).toArray()[0]?.name;
  }

  /** The tag of a tenant, made when it has none. */
  tagOf(tenant: string): string {
    const [known] = this.#sql.exec<{ tag: string }>("SELECT tag FROM tenants WHERE name = ?", tenant).toArray();
    if (known) return known.tag;
    const tag = newTag();
    this.#sql.exec("INSERT INTO tenants VALUES (?, ?, NULL, NULL, 0, ?)", tenant, tag, Date.now());
    return tag;
  }
}

function newTag(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(TAG_CHARACTERS)), (byte) => ALPHABET.charAt(byte & 31)).join("");
}

export function accountsOf(env: Cloudflare.Env): Remote<Accounts> {
  return env.ACCOUNTS.getByName("accounts");
}
