import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import { byteLength } from "../../shared/hash.ts";
import { Texts } from "../../shared/texts.ts";
import type { BundlePackage, PackageEntrances } from "../functions/engine.ts";
import { PACKAGE_LIMITS } from "./limits.ts";

/** A package as it was added. */
export interface NewPackage {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  readonly files: readonly (readonly [path: string, text: string])[];
  readonly entrances: PackageEntrances;
  /** What it imports by which name, as ids of packages. */
  readonly dependencies: Readonly<Record<string, string>>;
}

export interface PackageInfo {
  id: string;
  name: string;
  version: string;
  integrity: string;
  createdAt: string;
  createdBy: string;
  files: number;
  bytes: number;
  dependencies: Record<string, string>;
  /** Whether it is what functions get that import its name. */
  current: boolean;
}

/** What a bundle needs of the store. */
export interface Needed {
  /** By their path in the bundle. */
  files: Record<string, string>;
  packages: Record<string, BundlePackage>;
  imports: Record<string, string>;
  /** Names of all that there is, for who asks for something else. */
  known: string[];
}

type Row = {
  id: string;
  name: string;
  version: string;
  integrity: string;
  created_ms: number;
  created_by: string;
  files: number;
  bytes: number;
  entrances: string;
  dependencies: string;
  is_current: number;
};

const KNOWN_NAMES = 50;
/** There is one store, which the operator fills. */
const THE_STORE = "packages";

/** What functions may import: packages that the operator has added, each version once and for all. */
export class Packages extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #texts: Texts;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS packages (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, integrity TEXT NOT NULL, created_ms INTEGER NOT NULL,
      created_by TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL, entrances TEXT NOT NULL, dependencies TEXT NOT NULL,
      is_current INTEGER NOT NULL
    ) STRICT`);
    this.#texts = new Texts(this.#sql);
  }

  /**
   * Adds a version, and makes it what its name means unless `current` is false.
   * @throws DoError CONFLICT for a version that is there with other contents
   */
  add(made: NewPackage, current: boolean, by: string, nowMs: number): { package: PackageInfo; created: boolean } {
    const id = `${made.name}@${made.version}`;
    return this.ctx.storage.transactionSync(() => {
      const known = this.#row(id);
      if (known && known.integrity !== made.integrity) {
        throw new DoError(
          "CONFLICT",
          `Cannot add ${id}: it is there with the integrity ${known.integrity}, and this is ${made.integrity}`,
          {
            reason: "INTEGRITY_PINNED",
          },
        );
      }
      if (!known) this.#insert(id, made, by, nowMs);
      if (current || !this.#current(made.name)) this.#sql.exec("UPDATE packages SET is_current = (id = ?) WHERE name = ?", id, made.name);
      return { package: this.#info(id), created: !known };
    });
  }

  list(): PackageInfo[] {
    return this.#sql.exec<Row>("SELECT * FROM packages ORDER BY name, created_ms DESC, id").toArray().map(toInfo);
  }

  /** Functions keep what they were made of; the newest that is left is what the name means. */
  remove(id: string): { removed: boolean } {
    return this.ctx.storage.transactionSync(() => {
      const row = this.#row(id);
      if (!row) return { removed: false };
      this.#sql.exec("DELETE FROM packages WHERE id = ?", id);
      this.#sql.exec("DELETE FROM texts WHERE key = ?", id);
      this.#texts.forget();
      if (row.is_current === 1) {
        this.#sql.exec(
          "UPDATE packages SET is_current = 1 WHERE id = (SELECT id FROM packages WHERE name = ? ORDER BY created_ms DESC, id DESC LIMIT 1)",
          row.name,
        );
      }
      return { removed: true };
    });
  }

  /** Of these names, the packages that there are, with all that they need. @throws DoError TOO_LARGE */
  gather(names: readonly string[]): Needed {
    const needed: Needed = { files: {}, packages: {}, imports: {}, known: [] };
    const waiting: string[] = [];
    for (const name of names) {
      const row = this.#current(name);
      if (row) waiting.push((needed.imports[name] = row.id));
    }
    let bytes = 0;
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const row = Object.hasOwn(needed.packages, id) ? undefined : this.#row(id);
      if (!row) continue;
      bytes += row.bytes;
      if (bytes > PACKAGE_LIMITS.neededBytes) {
        throw new DoError("TOO_LARGE", `Cannot deploy: the packages must be at most ${PACKAGE_LIMITS.neededBytes} bytes together`);
      }
      const dependencies = JSON.parse(row.dependencies) as Record<string, string>;
      needed.packages[id] = { entrances: JSON.parse(row.entrances) as PackageEntrances, dependencies };
      for (const [path, text] of JSON.parse(this.#texts.get(id) ?? "[]") as [string, string][]) {
        needed.files[`node_modules/${id}/${path}`] = text;
      }
      waiting.push(...Object.values(dependencies));
    }
    needed.known = this.#sql
      .exec<{ name: string }>("SELECT DISTINCT name FROM packages ORDER BY name LIMIT ?", KNOWN_NAMES)
      .toArray()
      .map(({ name }) => name);
    return needed;
  }

  #insert(id: string, made: NewPackage, by: string, nowMs: number): void {
    const [{ count } = { count: 0 }] = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM packages").toArray();
    if (count >= PACKAGE_LIMITS.packages) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot add ${id}: there are at most ${PACKAGE_LIMITS.packages} packages`, {
        reason: "TOO_MANY_PACKAGES",
        retryable: false,
      });
    }
    const bytes = made.files.reduce((sum, [, text]) => sum + byteLength(text), 0);
    this.#sql.exec(
      "INSERT INTO packages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
      id,
      made.name,
      made.version,
      made.integrity,
      nowMs,
      by,
      made.files.length,
      bytes,
      JSON.stringify(made.entrances),
      JSON.stringify(made.dependencies),
    );
    this.#texts.put(id, JSON.stringify(made.files));
  }

  #row(id: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM packages WHERE id = ?", id).toArray()[0];
  }

  #current(name: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM packages WHERE name = ? AND is_current = 1", name).toArray()[0];
  }

  #info(id: string): PackageInfo {
    const row = this.#row(id);
    if (!row) throw new DoError("INTERNAL", "A package that was just added is gone");
    return toInfo(row);
  }
}

function toInfo(row: Row): PackageInfo {
  const { id, name, version, integrity, files, bytes } = row;
  return {
    id,
    name,
    version,
    integrity,
    createdAt: new Date(row.created_ms).toISOString(),
    createdBy: row.created_by,
    files,
    bytes,
    dependencies: JSON.parse(row.dependencies) as Record<string, string>,
    current: row.is_current === 1,
  };
}

export function packagesOf(env: Cloudflare.Env): Remote<Packages> {
  return env.PACKAGES.getByName(THE_STORE);
}
