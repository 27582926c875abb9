import { DoError } from "../../../../sdk/src/errors.ts";
import { byteLength } from "../../shared/hash.ts";
import { DB_LIMITS, FILTER_LIMITS } from "../limits.ts";
import { fieldOf, type Field } from "./path.ts";
import { allOf, anyOf, fragment, NEVER, noneOf, type Fragment } from "./sql.ts";

export type Where = Readonly<Record<string, unknown>>;
type Scalar = string | number | boolean | null;

/** Puts other values in place of those that stand for something, as rules do. */
export type Substitute = (value: unknown) => unknown;

const NUMBERS = "('integer','real')";

/**
 * A filter as SQL over a row `d`. Types are kept apart: `1` is not `true`, `"1"` is neither. An operator other than
 * `ne`, `nin`, `exists: false` and `$not` never finds a document that has not the field.
 *
 * @throws DoError INVALID_ARGUMENT naming the field and what is allowed
 */
export function compileWhere(where: Where | undefined, substitute: Substitute = (value) => value): Fragment {
  return where === undefined ? allOf([]) : new Compiler(substitute).clause(where, 0);
}

class Compiler {
  readonly #substitute: Substitute;
  #conditions = 0;

  constructor(substitute: Substitute) {
    this.#substitute = substitute;
  }

  clause(where: unknown, depth: number): Fragment {
    if (!isObject(where)) throw refused("a filter must be an object");
    if (depth > FILTER_LIMITS.depth) throw refused(`it may be at most ${FILTER_LIMITS.depth} levels deep`);
    return allOf(
      Object.entries(where).map(([name, wanted]) => {
        switch (name) {
          case "$and":
            return allOf(this.#clauses(name, wanted, depth));
          case "$or":
            return anyOf(this.#clauses(name, wanted, depth));
          case "$not":
            return noneOf(this.clause(wanted, depth + 1));
          default:
            return this.#field(fieldOf(name), wanted);
        }
      }),
    );
  }

  #clauses(name: string, list: unknown, depth: number): Fragment[] {
    if (!Array.isArray(list)) throw refused(`${name} must be a list of filters`);
    return list.map((clause) => this.clause(clause, depth + 1));
  }

  #field(field: Field, wanted: unknown): Fragment {
    const operators = isObject(wanted) ? Object.entries(wanted) : ([["eq", wanted]] as const);
    if (operators.length === 0) throw refused(`${field.name}: {} has no operator; there are ${[...OPERATORS.keys()].join(", ")}`);
    return allOf(
      operators.map(([name, value]) => {
        this.#conditions++;
        if (this.#conditions > FILTER_LIMITS.conditions) throw refused(`it may have at most ${FILTER_LIMITS.conditions} conditions`);
        const compile = OPERATORS.get(name);
        if (!compile)
          throw refused(`${field.name}: there is no operator "${name.slice(0, 32)}"; there are ${[...OPERATORS.keys()].join(", ")}`);
        return compile(field, Array.isArray(value) ? value.map(this.#substitute) : this.#substitute(value));
      }),
    );
  }
}

type Operator = (field: Field, value: unknown) => Fragment;

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["eq", (field, value) => equals(field, scalar(field, value))],
  ["ne", (field, value) => noneOf(equals(field, scalar(field, value)))],
  ["gt", (field, value) => compares(field, ">", value)],
  ["gte", (field, value) => compares(field, ">=", value)],
  ["lt", (field, value) => compares(field, "<", value)],
  ["lte", (field, value) => compares(field, "<=", value)],
  ["in", (field, value) => isOneOf(field, value)],
  ["nin", (field, value) => noneOf(isOneOf(field, value))],
  ["exists", exists],
  ["has", has],
  ["contains", (field, value) => ofText(field, fragment(`instr(${field.value}, ?) > 0`, text(field, value)))],
  ["startsWith", startsWith],
  ["endsWith", endsWith],
  ["like", (field, value) => ofText(field, fragment(`${field.value} GLOB ?`, pattern(field, toGlob(text(field, value)))))],
  ["ilike", (field, value) => ofText(field, fragment(`${field.value} LIKE ? ESCAPE '\\'`, pattern(field, text(field, value))))],
]);

function equals(field: Field, value: Scalar): Fragment {
  const { kind, value: column, type } = field;
  if (kind !== "data") return value === null ? NEVER : fragment(`${column} = ?`, own(field, value));
  if (value === null) return fragment(`${column} IS NULL`);
  // The first half finds an index, the second tells the types apart.
  if (typeof value === "boolean") return fragment(`(${column} = ${value ? 1 : 0} AND ${type} = '${value}')`);
  if (typeof value === "number") return fragment(`(${column} = ? AND ${type} IN ${NUMBERS})`, value);
  return fragment(`(${column} = ? AND ${type} = 'text')`, value);
}

function compares(field: Field, operator: string, value: unknown): Fragment {
  const wanted = scalar(field, value);
  if (field.kind !== "data" && wanted !== null) return fragment(`${field.value} ${operator} ?`, own(field, wanted));
  if (typeof wanted === "number") return fragment(`(${field.value} ${operator} ? AND ${field.type} IN ${NUMBERS})`, wanted);
  if (typeof wanted === "string") return fragment(`(${field.value} ${operator} ? AND ${field.type} = 'text')`, wanted);
  throw refused(`${field.name}: only numbers and strings have an order, got ${wanted === null ? "null" : "a boolean"}`);
}

/** The values of each type as one list, because a statement binds at most a hundred. */
function isOneOf(field: Field, values: unknown): Fragment {
  if (!Array.isArray(values)) throw refused(`${field.name}: in and nin take a list`);
  if (values.length > FILTER_LIMITS.values) throw refused(`${field.name}: a list may hold at most ${FILTER_LIMITS.values} values`);
  const scalars = values.map((value) => scalar(field, value));
  if (field.kind !== "data") {
    const owned = scalars.filter((value) => value !== null).map((value) => own(field, value));
    return fragment(`${field.value} IN (SELECT value FROM json_each(?))`, JSON.stringify(owned));
  }
  const ofType = (type: string) => scalars.filter((value) => typeof value === type && value !== null);
  const listed = (list: readonly Scalar[], types: string) =>
    list.length === 0
      ? []
      : [fragment(`(${field.value} IN (SELECT value FROM json_each(?)) AND ${field.type} ${types})`, JSON.stringify(list))];
  return anyOf([
    ...listed(ofType("number"), `IN ${NUMBERS}`),
    ...listed(ofType("string"), "= 'text'"),
    ...[...new Set(ofType("boolean"))].map((value) => equals(field, value)),
    ...(scalars.includes(null) ? [equals(field, null)] : []),
  ]);
}

function exists(field: Field, wanted: unknown): Fragment {
  if (typeof wanted !== "boolean") throw refused(`${field.name}: exists takes true or false`);
  if (field.kind !== "data") return wanted ? allOf([]) : NEVER;
  return fragment(`${field.type} IS ${wanted ? "NOT " : ""}NULL`);
}

/** A list that has an item. */
function has(field: Field, value: unknown): Fragment {
  const wanted = scalar(field, value);
  if (field.kind !== "data") return NEVER;
  const item =
    wanted === null
      ? fragment("e.type = 'null'")
      : typeof wanted === "boolean"
        ? fragment(`e.type = '${wanted}'`)
        : fragment(`e.atom = ? AND e.type ${typeof wanted === "number" ? `IN ${NUMBERS}` : "= 'text'"}`, wanted);
  const { text: condition, params } = item;
  return { text: `(${field.type} = 'array' AND EXISTS (SELECT 1 FROM json_each(d.data, ${field.path}) e WHERE ${condition}))`, params };
}

function startsWith(field: Field, value: unknown): Fragment {
  const start = text(field, value);
  // The first half finds an index.
  return ofText(field, fragment(`(${field.value} >= ? AND substr(${field.value}, 1, ${lengthOf(start)}) = ?)`, start, start));
}

function endsWith(field: Field, value: unknown): Fragment {
  const end = text(field, value);
  return end === "" ? ofText(field, allOf([])) : ofText(field, fragment(`substr(${field.value}, -${lengthOf(end)}) = ?`, end));
}

function ofText(field: Field, condition: Fragment): Fragment {
  if (field.kind === "id") return condition;
  if (field.kind !== "data") throw refused(`${field.name}: is no text`);
  return allOf([condition, fragment(`${field.type} = 'text'`)]);
}

/** A value of one of the document's own fields, as it is stored. */
function own(field: Field, value: Exclude<Scalar, null>): string | number {
  if (field.kind === "id" && typeof value === "string") return value;
  if (field.kind === "version" && typeof value === "number") return value;
  const ms = field.kind === "time" && typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  const wanted = field.kind === "time" ? "an ISO 8601 time" : field.kind === "id" ? "a string" : "a number";
  throw refused(`${field.name}: must be compared with ${wanted}`);
}

function scalar(field: Field, value: unknown): Scalar {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string" && value.isWellFormed()) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw refused(`${field.name}: must be compared with a string, a finite number, true, false or null`);
}

function text(field: Field, value: unknown): string {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw refused(`${field.name}: must be compared with a string`);
}

/** SQLite on Cloudflare refuses longer patterns, and what has no more cannot be slow to match. */
function pattern(field: Field, value: string): string {
  if (byteLength(value) <= DB_LIMITS.likePatternBytes) return value;
  throw refused(
    `${field.name}: a pattern may have at most ${DB_LIMITS.likePatternBytes} bytes; contains, startsWith and endsWith have no limit`,
  );
}

/** LIKE of SQLite does not tell cases apart; GLOB does. */
function toGlob(like: string): string {
  return like.replaceAll(/\\(.)|([%_*?[])/gsu, (_all, escaped: string | undefined, special: string | undefined) => {
    const character = escaped ?? special ?? "";
    if (escaped === undefined && special === "%") return "*";
    if (escaped === undefined && special === "_") return "?";
    return "*?[".includes(character) ? `[${character}]` : character;
  });
}

/** In characters, as SQLite counts them. */
function lengthOf(value: string): number {
  return Array.from(value).length;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot use the filter: ${problem}`, { reason: "BAD_FILTER" });
}
