import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from "jose";
import { DoError } from "../../../../sdk/src/errors.ts";

interface Row extends Record<string, SqlStorageValue> {
  kid: string;
  private_jwk: string;
  public_jwk: string;
  created_ms: number;
  /** Until then its signatures are good; null: it signs. */
  ends_ms: number | null;
}

export const SIGNING_TABLE = `
  CREATE TABLE IF NOT EXISTS signing_keys (
    kid TEXT PRIMARY KEY, private_jwk TEXT NOT NULL, public_jwk TEXT NOT NULL, created_ms INTEGER NOT NULL, ends_ms INTEGER
  ) STRICT, WITHOUT ROWID;
`;

export const SIGNING_ALGORITHM = "ES256";

/** The keys that sign this deployment's tokens: one that signs, and those before it whose tokens are still about. */
export class SigningKeys {
  readonly #sql: SqlStorage;
  #making: Promise<Row> | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The public halves of all that are good now (RFC 7517). */
  async jwks(nowMs: number): Promise<{ keys: JWK[] }> {
    await this.#current(nowMs);
    this.#sql.exec("DELETE FROM signing_keys WHERE ends_ms <= ?", nowMs);
    const rows = this.#sql.exec<Row>("SELECT * FROM signing_keys ORDER BY created_ms DESC").toArray();
    return { keys: rows.map((row) => JSON.parse(row.public_jwk) as JWK) };
  }

  async sign(claims: Record<string, unknown>, nowMs: number): Promise<string> {
    const { kid, private_jwk: privateJwk } = await this.#current(nowMs);
    const key = await importJWK(JSON.parse(privateJwk) as JWK, SIGNING_ALGORITHM);
    // RFC 9068: so that no token of another kind passes for an access token.
    return new SignJWT(claims).setProtectedHeader({ alg: SIGNING_ALGORITHM, kid, typ: "at+jwt" }).sign(key);
  }

  /** A new key signs from now on; the tokens of the old one are good until `endsMs`. */
  async rotate(endsMs: number, nowMs: number): Promise<{ kid: string; previous: string }> {
    const { kid: previous } = await this.#current(nowMs);
    const row = await newRow(nowMs);
    this.#sql.exec("UPDATE signing_keys SET ends_ms = ? WHERE ends_ms IS NULL", endsMs);
    this.#insert(row);
    return { kid: row.kid, previous };
  }

  async #current(nowMs: number): Promise<Row> {
    return this.#find() ?? (this.#making ??= this.#make(nowMs).finally(() => (this.#making = undefined)));
  }

  async #make(nowMs: number): Promise<Row> {
    const row = await newRow(nowMs);
    this.#insert(row);
    return row;
  }

  #find(): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM signing_keys WHERE ends_ms IS NULL ORDER BY created_ms DESC LIMIT 1").toArray()[0];
  }

  #insert({ kid, private_jwk: privateJwk, public_jwk: publicJwk, created_ms: createdMs }: Row): void {
    this.#sql.exec("INSERT INTO signing_keys VALUES (?, ?, ?, ?, NULL)", kid, privateJwk, publicJwk, createdMs);
  }
}

async function newRow(nowMs: number): Promise<Row> {
  const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const [privateJwk, publicJwk] = [await exportJWK(pair.privateKey), await exportJWK(pair.publicKey)];
  // RFC 7638: the id of a key is what it is.
  const kid = await calculateJwkThumbprint(publicJwk);
  if (!kid) throw new DoError("INTERNAL", "A key has no thumbprint");
  const shown = { ...publicJwk, kid, alg: SIGNING_ALGORITHM, use: "sig" };
  return { kid, private_jwk: JSON.stringify(privateJwk), public_jwk: JSON.stringify(shown), created_ms: nowMs, ends_ms: null };
}
