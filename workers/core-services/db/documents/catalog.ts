import { DoError } from "../../../../sdk/src/errors.ts";
import { COLLECTION_LIMITS } from "../limits.ts";
import { compileSchema, type Definition, type SchemaCheck } from "./definition.ts";
import { segmentsOf } from "./path.ts";

/** A collection that is there. Its tables are named by a number, so that its name never is part of SQL. */
export interface Collection {
  readonly number: number;
  readonly name: string;
  readonly table: string;
  readonly definition: Definition;
  readonly createdMs: number;
  readonly checkSchema: SchemaCheck;
  /** Paths of the fields that are searched. */
  readonly searched: readonly (readonly (string | number)[])[];
}

interface Row extends Record<string, SqlStorageValue> {
  number: number;
  name: string;
  definition: string;
  created_ms: number;
}

const CREATE = `
  CREATE TABLE IF NOT EXISTS collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL, created_ms INTEGER NOT NULL
  ) STRICT`;

/** Which collections there are. Held in memory: after a transaction that failed, forget() what it may have changed. */
export class Catalog {
  readonly #sql: SqlStorage;
  readonly #known = new Map<string, Collection>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(CREATE);
    this.forget();
  }

  forget(): void {
    this.#known.clear();
    for (const row of this.#sql.exec<Row>("SELECT * FROM collections ORDER BY name")) this.#known.set(row.name, toCollection(row));
  }

  find(name: string): Collection | undefined {
    return this.#known.get(name);
  }

  all(): Collection[] {
    return [...this.#known.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The first write to a collection makes it. */
  open(name: string, nowMs: number): Collection {
    return this.find(name) ?? this.#create(name, nowMs);
  }

  #create(name: string, nowMs: number): Collection {
    if (this.#known.size >= COLLECTION_LIMITS.collections) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot make the collection ${name}: there may be at most ${COLLECTION_LIMITS.collections}`, {
        reason: "COLLECTIONS",
        retryable: false,
      });
    }
    const row = this.#sql
      .exec<Row>("INSERT INTO collections (name, definition, created_ms) VALUES (?, '{}', ?) RETURNING *", name, nowMs)
      .one();
    const collection = toCollection(row);
    const { table } = collection;
    this.#sql.exec(`
      CREATE TABLE ${table} (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL, expires_ms INTEGER, data TEXT NOT NULL
      ) STRICT;
      CREATE INDEX ${table}_expires ON ${table} (expires_ms) WHERE expires_ms IS NOT NULL`);
    this.#known.set(name, collection);
    return collection;
  }

  redefine(collection: Collection, definition: Definition): Collection {
    const text = JSON.stringify(definition);
    this.#sql.exec("UPDATE collections SET definition = ? WHERE number = ?", text, collection.number);
    const redefined = toCollection({
      number: collection.number,
      name: collection.name,
      definition: text,
      created_ms: collection.createdMs,
    });
    this.#known.set(collection.name, redefined);
    return redefined;
  }

  drop(collection: Collection): void {
    this.#sql.exec("DELETE FROM collections WHERE number = ?", collection.number);
    this.#sql.exec(`DROP TABLE ${collection.table}`);
    this.#known.delete(collection.name);
  }
}

function toCollection({ number, name, definition: text, created_ms }: Row): Collection {
  const definition = JSON.parse(text) as Definition;
  return {
    number,
    name,
    table: `docs_${number}`,
    definition,
    createdMs: created_ms,
    checkSchema: compileSchema(definition.schema),
    searched: (definition.search?.fields ?? []).map(segmentsOf),
  };
}
