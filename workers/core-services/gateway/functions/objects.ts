import { DoError } from "../../../../sdk/src/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { EntrypointInfo } from "./engine.ts";
import { FUNCTION_LIMITS } from "../limits.ts";

/** An object of a function, as it is listed. */
export interface ObjectInfo {
  readonly name: string;
  readonly entrypoint: string;
  readonly createdAt: string;
}

/** Which object: of a class of the function, by the name that its callers give it. */
export interface ObjectName {
  readonly entrypoint: string;
  readonly name: string;
}

/** What a function's objects leave behind when it is deleted, or one of them is. */
export interface Leaving {
  readonly home: string;
  readonly objects: readonly ObjectName[];
}

interface ObjectRow extends Record<string, SqlStorageValue> {
  home: string;
  entrypoint: string;
  name: string;
  created_ms: number;
}

/**
 * Which objects the functions of a tenant have. What they store is elsewhere, in the home of their function: a function
 * that is deleted and deployed again has another one, and finds nothing.
 */
export class Objects {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Notes the object when it is new. @returns the id of the function's home @throws DoError LIMIT_EXCEEDED */
  open(functionName: string, { entrypoint, name }: ObjectName, nowMs: number): string {
    const home = this.#home(functionName) ?? this.#newHome(functionName, nowMs);
    const known = this.#sql.exec("SELECT 1 FROM objects WHERE home = ? AND entrypoint = ? AND name = ?", home, entrypoint, name).toArray();
    if (known.length > 0) return home;
    const [{ count } = { count: 0 }] = this.#sql
      .exec<{ count: number }>("SELECT count(*) AS count FROM objects WHERE home = ?", home)
      .toArray();
    if (count >= FUNCTION_LIMITS.objects) {
      const message = `Cannot call a new object: a function has at most ${FUNCTION_LIMITS.objects} objects`;
      throw new DoError("LIMIT_EXCEEDED", message, { reason: "TOO_MANY_OBJECTS", retryable: false });
    }
    this.#sql.exec("INSERT INTO objects VALUES (?, ?, ?, ?)", home, entrypoint, name, nowMs);
    return home;
  }

  /** By class and name, after the one that the cursor names. */
  list(functionName: string, entrypoint: string | undefined, limit: number, after: ObjectName | undefined): ObjectInfo[] {
    const rows = this.#sql.exec<ObjectRow>(
      `SELECT * FROM objects WHERE home = ? AND (? IS NULL OR entrypoint = ?) AND (entrypoint, name) > (?, ?)
         ORDER BY entrypoint, name LIMIT ?`,
      this.#home(functionName) ?? "",
      entrypoint ?? null,
      entrypoint ?? null,
      after?.entrypoint ?? "",
      after?.name ?? "",
      limit,
    );
    return rows.toArray().map((row) => ({ name: row.name, entrypoint: row.entrypoint, createdAt: new Date(row.created_ms).toISOString() }));
  }

  /** @returns its home; undefined when there is no such object */
  find(functionName: string, { entrypoint, name }: ObjectName): string | undefined {
    const home = this.#home(functionName) ?? "";
    const rows = this.#sql.exec("SELECT 1 FROM objects WHERE home = ? AND entrypoint = ? AND name = ?", home, entrypoint, name).toArray();
    return rows.length > 0 ? home : undefined;
  }

  /** What it stored is deleted. */
  gone(home: string, { entrypoint, name }: ObjectName): void {
    this.#sql.exec("DELETE FROM objects WHERE home = ? AND entrypoint = ? AND name = ?", home, entrypoint, name);
  }

  /** The function is deleted: from now on nobody finds its objects. */
  leave(functionName: string): void {
    this.#sql.exec("INSERT INTO leaving_homes SELECT id FROM homes WHERE function = ?", functionName);
    this.#sql.exec("DELETE FROM homes WHERE function = ?", functionName);
  }

  /** Homes of deleted functions whose data is still to be deleted. */
  leaving(): Leaving[] {
    const homes = this.#sql.exec<{ id: string }>("SELECT id FROM leaving_homes").toArray();
    return homes.map(({ id }) => ({
      home: id,
      objects: this.#sql.exec<ObjectRow>("SELECT * FROM objects WHERE home = ?", id).toArray(),
    }));
  }

  left(home: string): void {
    this.#sql.exec("DELETE FROM objects WHERE home = ?", home);
    this.#sql.exec("DELETE FROM leaving_homes WHERE id = ?", home);
  }

  #home(functionName: string): string | undefined {
    return this.#sql.exec<{ id: string }>("SELECT id FROM homes WHERE function = ?", functionName).toArray()[0]?.id;
  }

  #newHome(functionName: string, nowMs: number): string {
    const id = newId("home", nowMs);
    this.#sql.exec("INSERT INTO homes VALUES (?, ?)", functionName, id);
    return id;
  }
}

export function noMethod(name: string, method: string, { name: entrypoint, methods }: EntrypointInfo): DoError {
  const known = methods.filter((one) => one !== "fetch").join(", ") || "none";
  return new DoError("NOT_FOUND", `${name} has no method "${method}" in ${entrypoint}; it has ${known}`, { reason: "NO_SUCH_METHOD" });
}

export function noClass(name: string, asked: string | undefined, classes: readonly string[]): DoError {
  const known = classes.join(", ") || "none";
  if (asked === undefined && classes.length > 1) {
    return new DoError("INVALID_ARGUMENT", `${name} has several classes of objects: entrypoint must say which of ${known}`);
  }
  const which = asked === undefined ? "a class that extends DurableObject" : `the class "${asked}" that extends DurableObject`;
  return new DoError("NOT_FOUND", `${name} does not have ${which}; it has ${known}`, { reason: "NO_SUCH_ENTRYPOINT" });
}

/** A cursor that a list gave. @throws DoError INVALID_ARGUMENT */
export function toObjectName(cursor: string): ObjectName {
  try {
    const [entrypoint, name] = JSON.parse(cursor) as unknown[];
    if (typeof entrypoint === "string" && typeof name === "string") return { entrypoint, name };
  } catch {
    // It is none.
  }
  throw new DoError("INVALID_ARGUMENT", "Cannot list objects: cursor must be what a list gave");
}
