import { DoError } from "../../../../sdk/src/errors.ts";
import { newId } from "../../shared/ids.ts";
import { hashCredential, lastFourOf, newCredential, startOf } from "../credential.ts";
import type { ApiKey, Credits, KeyChanges, RateLimit } from "../schema/keys.ts";
import { momentMs } from "../schema/shared.ts";
import { simplify } from "../scopes.ts";
import { CreditStore } from "./credits.ts";

export interface KeyRow extends Record<string, SqlStorageValue> {
  id: string;
  /** The first key of a row of rotations: what credits and rate limits are counted under. */
  lineage: string;
  name: string;
  hash: string;
  environment: string;
  start: string;
  last4: string;
  permissions: string;
  tier: string | null;
  owner_id: string | null;
  created_by: string;
  created_ms: number;
  expires_ms: number | null;
  disabled: number;
  revoked_ms: number | null;
  meta: string;
  rate_limits: string;
  addresses: string;
  first_used_ms: number | null;
  last_used_ms: number | null;
  rotated_from: string | null;
}

export interface NewKey {
  readonly name: string;
  readonly permissions: readonly string[];
  readonly environment: string;
  readonly tier: string | undefined;
  readonly ownerId: string | undefined;
  readonly createdBy: string;
  readonly expiresMs: number | undefined;
  readonly meta: Record<string, unknown>;
  readonly rateLimits: readonly RateLimit[];
  readonly credits: Credits | undefined;
  readonly addresses: readonly string[];
}

/** So that a forgotten loop that makes keys ends. */
const MAX_KEYS = 10_000;
const MAX_REMEMBERED = 5_000;
const encoder = new TextEncoder();
const NO_HASH = "0".repeat(64);

/** The API keys of a tenant. What is stored of a key is its hash. */
export class Keys {
  readonly #sql: SqlStorage;
  readonly credits: CreditStore;
  /** Rows as they are stored: each request looks one up. Every write of this class forgets them all. */
  readonly #rows = new Map<string, KeyRow>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.credits = new CreditStore(sql);
  }

  /** The key of this id, if `hash` is the hash of its text. Takes as long when there is none. */
  find(id: string, hash: string): KeyRow | undefined {
    const row = this.row(id);
    const isSame = crypto.subtle.timingSafeEqual(encoder.encode(row?.hash ?? NO_HASH), encoder.encode(hash));
    return row && isSame ? row : undefined;
  }

  row(id: string): KeyRow | undefined {
    const remembered = this.#rows.get(id);
    if (remembered) return remembered;
    const row = this.#sql.exec<KeyRow>("SELECT * FROM keys WHERE id = ?", id).toArray()[0];
    if (this.#rows.size >= MAX_REMEMBERED) this.#rows.clear();
    if (row) this.#rows.set(id, row);
    return row;
  }

  /** After what was written is written no more. */
  forget(): void {
    this.#rows.clear();
  }

  #write(statement: string, ...values: SqlStorageValue[]): SqlStorageCursor<Record<string, SqlStorageValue>> {
    this.forget();
    return this.#sql.exec(statement, ...values);
  }

  /** The newest of those that a key was rotated to, itself at first; the key itself, when all are revoked. */
  successor(id: string): KeyRow | undefined {
    const row = this.row(id);
    if (!row) return undefined;
    const newest = "SELECT * FROM keys WHERE lineage = ? AND revoked_ms IS NULL ORDER BY created_ms DESC, id DESC LIMIT 1";
    return this.#sql.exec<KeyRow>(newest, row.lineage).toArray()[0] ?? row;
  }

  create(tag: string, key: NewKey, nowMs: number): ApiKey & { key: string } {
    const id = newId("key", nowMs);
    return this.#insert(tag, id, id, key, undefined, nowMs);
  }

  /** A key like this one; the old one ends at `endsMs`, or before if it does anyway. */
  rotate(tag: string, row: KeyRow, endsMs: number, nowMs: number): ApiKey & { key: string } {
    const { credits: _, ...old } = this.toApiKey(row);
    const copy: NewKey = {
      ...old,
      tier: row.tier ?? undefined,
      ownerId: row.owner_id ?? undefined,
      expiresMs: row.expires_ms ?? undefined,
      // Counted under the lineage, which is the same.
      credits: undefined,
    };
    const made = this.#insert(tag, newId("key", nowMs), row.lineage, copy, row.id, nowMs);
    this.#write("UPDATE keys SET expires_ms = MIN(COALESCE(expires_ms, ?1), ?1) WHERE id = ?2", endsMs, row.id);
    return made;
  }

  #insert(tag: string, id: string, lineage: string, key: NewKey, rotatedFrom: string | undefined, nowMs: number): ApiKey & { key: string } {
    const [{ n } = { n: 0 }] = this.#sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM keys WHERE revoked_ms IS NULL").toArray();
    if (n >= MAX_KEYS) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot make the key: a tenant has at most ${MAX_KEYS} keys that are not revoked`, {
        reason: "KEYS",
        retryable: false,
      });
    }
    const text = newCredential({ label: key.environment, tag, ulid: id.slice(4) });
    this.#write(
      "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, NULL, ?, ?, ?, NULL, NULL, ?)",
      id,
      lineage,
      key.name,
      hashCredential(text),
      key.environment,
      startOf(text),
      lastFourOf(text),
      JSON.stringify(simplify(key.permissions)),
      key.tier ?? null,
      key.ownerId ?? null,
      key.createdBy,
      nowMs,
      key.expiresMs ?? null,
      JSON.stringify(key.meta),
      JSON.stringify(key.rateLimits),
      JSON.stringify(key.addresses),
      rotatedFrom ?? null,
    );
    if (key.credits) this.credits.set(lineage, key.credits, nowMs);
    const row = this.row(id);
    if (!row) throw new DoError("INTERNAL", "The key was not written");
    return { ...this.toApiKey(row), key: text };
  }

  update(row: KeyRow, changes: KeyChanges, nowMs: number): ApiKey {
    const { name, permissions, disabled, expiresAt, meta, rateLimits, credits, addresses } = changes;
    this.#write(
      "UPDATE keys SET name = ?, permissions = ?, disabled = ?, expires_ms = ?, meta = ?, rate_limits = ?, addresses = ? WHERE id = ?",
      name ?? row.name,
      permissions === undefined ? row.permissions : JSON.stringify(simplify(permissions)),
      disabled === undefined ? row.disabled : Number(disabled),
      expiresAt === undefined ? row.expires_ms : expiresAt && momentMs(expiresAt),
      meta === undefined ? row.meta : JSON.stringify(meta),
      rateLimits === undefined ? row.rate_limits : JSON.stringify(rateLimits),
      addresses === undefined ? row.addresses : JSON.stringify(addresses),
      row.id,
    );
    if (credits === null) this.credits.remove(row.lineage);
    else if (credits) this.credits.set(row.lineage, credits, nowMs);
    return this.toApiKey(this.row(row.id) ?? row);
  }

  revoke(id: string, nowMs: number): boolean {
    return this.#write("UPDATE keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", nowMs, id).rowsWritten > 0;
  }

  revokeOfOwner(ownerId: string, nowMs: number): void {
    this.#write("UPDATE keys SET revoked_ms = ? WHERE owner_id = ? AND revoked_ms IS NULL", nowMs, ownerId);
  }

  noteFirstUse(id: string, nowMs: number): void {
    this.#write("UPDATE keys SET first_used_ms = ?1, last_used_ms = ?1 WHERE id = ?2", nowMs, id);
  }

  noteLastUses(uses: ReadonlyMap<string, number>): void {
    for (const [id, atMs] of uses) this.#write("UPDATE keys SET last_used_ms = ? WHERE id = ?", atMs, id);
  }

  list(limit: number, cursor: string | undefined, ownerId: string | undefined): { items: ApiKey[]; cursor?: string } {
    const rows = this.#sql
      .exec<KeyRow>(
        "SELECT * FROM keys WHERE id < ?1 AND (?2 IS NULL OR owner_id = ?2) ORDER BY id DESC LIMIT ?3",
        cursor ?? "key_~",
        ownerId ?? null,
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit).map((row) => this.toApiKey(row));
    const last = items.at(-1);
    return rows.length > limit && last ? { items, cursor: last.id } : { items };
  }

  toApiKey(row: KeyRow): ApiKey {
    const credits = this.credits.get(row.lineage);
    return {
      id: row.id,
      name: row.name,
      permissions: JSON.parse(row.permissions) as string[],
      environment: row.environment,
      start: row.start,
      last4: row.last4,
      ...(row.tier === null ? {} : { tier: row.tier }),
      ...(row.owner_id === null ? {} : { ownerId: row.owner_id }),
      createdBy: row.created_by,
      createdAt: iso(row.created_ms),
      ...(row.expires_ms === null ? {} : { expiresAt: iso(row.expires_ms) }),
      disabled: row.disabled === 1,
      ...(row.revoked_ms === null ? {} : { revokedAt: iso(row.revoked_ms) }),
      ...(row.first_used_ms === null ? {} : { firstUsedAt: iso(row.first_used_ms) }),
      ...(row.last_used_ms === null ? {} : { lastUsedAt: iso(row.last_used_ms) }),
      ...(row.rotated_from === null ? {} : { rotatedFrom: row.rotated_from }),
      meta: JSON.parse(row.meta) as Record<string, unknown>,
      rateLimits: JSON.parse(row.rate_limits) as RateLimit[],
      ...(credits ? { credits } : {}),
      addresses: JSON.parse(row.addresses) as string[],
    };
  }
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
