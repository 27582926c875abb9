import { DoError } from "../../../../sdk/src/errors.ts";
import { FILTER_LIMITS } from "../limits.ts";

/** What a name in a filter or an ordering stands for: SQL over a row `d` of documents. */
export interface Field {
  readonly name: string;
  /** Of the document itself (`$id`), or inside its data. */
  readonly kind: "id" | "version" | "time" | "data";
  /** The value as SQLite sees it: text, number, 1 and 0 for booleans, NULL for null and for what is not there. */
  readonly value: string;
  /** `json_type` of the value, NULL when it is not there; for `data` only. */
  readonly type: string;
  /** As JSON text, for grouping. */
  readonly json: string;
  /** The path as an SQL literal, for `data` only. */
  readonly path: string;
}

const SYSTEM: ReadonlyMap<string, Pick<Field, "kind" | "value">> = new Map([
  ["$id", { kind: "id", value: "d.id" }],
  ["$version", { kind: "version", value: "d.version" }],
  ["$createdAt", { kind: "time", value: "d.created_ms" }],
  ["$updatedAt", { kind: "time", value: "d.updated_ms" }],
]);

const SEGMENT = /^([^.[\]]+)((?:\[\d{1,6}\])*)$/;

/**
 * A field by its path: `name`, `address.city`, `tags[0]`, or one of the document's own: `$id`, `$version`,
 * `$createdAt`, `$updatedAt`. The path becomes an SQL literal, so that an index on it is found.
 */
export function fieldOf(name: string): Field {
  const system = SYSTEM.get(name);
  if (system) return { name, ...system, type: "NULL", json: `json_quote(${system.value})`, path: "" };
  const path = jsonPathOf(name);
  return {
    name,
    kind: "data",
    value: `json_extract(d.data, ${path})`,
    type: `json_type(d.data, ${path})`,
    json: `nullif(d.data -> ${path}, 'null')`,
    path,
  };
}

/** An SQL string literal that is a JSON path. */
export function jsonPathOf(name: string): string {
  const steps = segmentsOf(name).map((segment) => (typeof segment === "number" ? `[${segment}]` : `."${segment}"`));
  return `'$${steps.join("").replaceAll("'", "''")}'`;
}

/** @throws DoError INVALID_ARGUMENT for what is no path */
export function segmentsOf(name: string): (string | number)[] {
  if (name === "" || name.length > FILTER_LIMITS.pathCharacters)
    throw badPath(name, `must have 1 to ${FILTER_LIMITS.pathCharacters} characters`);
  if (name.startsWith("$")) throw badPath(name, `is not one of ${[...SYSTEM.keys()].join(", ")}`);
  // A quote or a backslash would end the quoted key of a JSON path; control characters have no place in a name.
  if (/["\\\p{Cc}]/u.test(name) || !name.isWellFormed()) throw badPath(name, "must hold no quotes, backslashes or control characters");
  return name.split(".").flatMap((part) => {
    const [, key, indexes = ""] = SEGMENT.exec(part) ?? [];
    if (key === undefined) throw badPath(name, "must be names between dots, with [0] for a place in a list");
    return [key, ...[...indexes.matchAll(/\d+/g)].map(([index]) => Number(index))];
  });
}

/** The value at a path of a document's data; undefined when it is not there. */
export function valueAt(data: unknown, segments: readonly (string | number)[]): unknown {
  let value = data;
  for (const segment of segments) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value) !== (typeof segment === "number") || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}

function badPath(name: string, problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot use the field ${JSON.stringify(name.slice(0, 64))}: it ${problem}`, {
    reason: "BAD_FIELD",
  });
}
