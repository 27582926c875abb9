import { DoError } from "../../../errors.ts";

/**
 * Filters of PostgREST's URL grammar as filters of db.
 * @see https://docs.postgrest.org/en/stable/references/api/tables_views.html
 */
type Where = Record<string, unknown>;

export interface TextSearch {
  field: string;
  query: string;
}

const MAX_DEPTH = 6;

/** `field=op.value` pairs, `or=(...)`, `and=(...)`; a text search comes apart, because it is no condition of a row. */
export function parseFilters(pairs: readonly (readonly [string, string])[]): { where: Where; search: TextSearch | undefined } {
  const clauses: Where[] = [];
  let search: TextSearch | undefined;
  for (const [name, value] of pairs) {
    const found = textSearch(name, value);
    if (found && search) throw unsupported("more than one text search");
    if (found) search = found;
    else clauses.push(/^(?:not\.)?(?:and|or)$/.test(name) ? logic(name, value, 0) : condition(name, value));
  }
  return { where: clauses.length === 0 ? {} : { $and: clauses }, search };
}

/** A column as a path of db: `address->city`, `address->>city`, `tags->0`. */
export function toField(column: string): string {
  const own = OWN_COLUMNS.get(column);
  if (own !== undefined) return own;
  return unquote(column)
    .split(/->>?/)
    .map((part, i) => (i > 0 && /^\d+$/.test(part) ? `[${part}]` : `${i > 0 ? "." : ""}${part}`))
    .join("");
}

export const OWN_COLUMNS: ReadonlyMap<string, string> = new Map([
  ["id", "$id"],
  ["_version", "$version"],
  ["_created_at", "$createdAt"],
  ["_updated_at", "$updatedAt"],
]);

function condition(column: string, expression: string): Where {
  if (expression.startsWith("not.")) {
    const negated = condition(column, expression.slice(4));
    // In SQL what is null is neither: only `is` tells it.
    return expression.startsWith("not.is.") ? { $not: negated } : { $and: [{ $not: negated }, isThere(toField(column))] };
  }
  const [, operator = "", value = ""] = /^(\w+)\.([\s\S]*)$/.exec(expression) ?? [];
  const field = toField(column);
  switch (operator) {
    case "eq":
      return either(field, "eq", value);
    case "neq":
      return { $and: [{ $not: either(field, "eq", value) }, isThere(field)] };
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return either(field, operator, value);
    case "like":
    case "ilike":
      return { [field]: { [operator]: value.replaceAll("*", "%") } };
    case "is":
      return { [field]: isValue(value) };
    case "in":
      return { [field]: { in: listItems(value, "(", ")").flatMap((item) => (field === "$id" ? [item] : candidates(item))) } };
    case "cs":
      return { $and: listItems(value, "{", "}").map((item) => ({ $or: candidates(item).map((one) => ({ [field]: { has: one } })) })) };
    case "ov":
      return { $or: listItems(value, "{", "}").flatMap((item) => candidates(item).map((one) => ({ [field]: { has: one } }))) };
    default:
      throw unsupported(
        `the operator "${operator.slice(0, 32)}" of ${column.slice(0, 64)}; there are eq, neq, gt, gte, lt, lte, like, ilike, is, in, cs, ov, fts, plfts, phfts, wfts, not`,
      );
  }
}

function isThere(field: string): Where {
  return field.startsWith("$") ? {} : { $not: { [field]: null } };
}

/** A value in a URL has no type: a number may be meant as one, or as text. */
function either(field: string, operator: string, value: string): Where {
  if (field === "$version") return { [field]: { [operator]: Number(value) } };
  if (field.startsWith("$")) return { [field]: { [operator]: value } };
  const wanted = candidates(value).filter((one) => typeof one !== "boolean" || operator === "eq");
  return wanted.length === 1 ? { [field]: { [operator]: wanted[0] } } : { $or: wanted.map((one) => ({ [field]: { [operator]: one } })) };
}

function candidates(value: string): (string | number | boolean)[] {
  if (value === "true" || value === "false") return [value === "true", value];
  return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(value) && Number.isFinite(Number(value)) ? [Number(value), value] : [value];
}

function isValue(value: string): unknown {
  switch (value.toLowerCase()) {
    case "null":
    case "unknown":
      return null;
    case "not_null":
      return { ne: null };
    case "true":
    case "false":
      return value.toLowerCase() === "true";
    default:
      throw unsupported(`is.${value.slice(0, 32)}; there are null, not_null, true, false, unknown`);
  }
}

function textSearch(column: string, expression: string): TextSearch | undefined {
  const [, kind, query = ""] = /^(fts|plfts|phfts|wfts)(?:\(\w+\))?\.([\s\S]*)$/.exec(expression) ?? [];
  if (kind === undefined) return undefined;
  const words = query.replaceAll('"', " ");
  switch (kind) {
    case "phfts":
      return { field: toField(column), query: `"${words}"` };
    case "plfts":
      return { field: toField(column), query: words.replaceAll(/(^|\s)-/g, " ") };
    case "wfts":
      return { field: toField(column), query: query.replaceAll(/\bor\b/gi, "OR") };
    default:
      return {
        field: toField(column),
        query: query.replaceAll("'", "").replaceAll("&", " ").replaceAll("|", " OR ").replaceAll(/!\s*/g, "-").replaceAll(":*", "*"),
      };
  }
}

/** `or=(a.eq.1,and(b.gt.2,not.c.is.null))` */
function logic(name: string, list: string, depth: number): Where {
  if (depth > MAX_DEPTH) throw unsupported(`more than ${MAX_DEPTH} levels of and and or`);
  const clauses = splitList(inside(list, "(", ")")).map((item) => {
    const [, nested, rest] = /^((?:not\.)?(?:and|or))(\([\s\S]*\))$/.exec(item) ?? [];
    if (nested !== undefined && rest !== undefined) return logic(nested, rest, depth + 1);
    const [, not = "", column = "", expression = ""] = /^(not\.)?("(?:[^"\\]|\\.)*"|[^.]+)\.([\s\S]+)$/.exec(item) ?? [];
    return condition(column, `${not}${unquoteValue(expression)}`);
  });
  const joined = name.endsWith("or") ? { $or: clauses } : { $and: clauses };
  return name.startsWith("not.") ? { $not: joined } : joined;
}

function unquoteValue(expression: string): string {
  const [, operator, quoted] = /^((?:not\.)?\w+\.)("(?:[^"\\]|\\.)*")$/.exec(expression) ?? [];
  return operator === undefined || quoted === undefined ? expression : operator + unquote(quoted);
}

function listItems(list: string, open: string, close: string): string[] {
  return splitList(inside(list, open, close)).map(unquote);
}

function inside(list: string, open: string, close: string): string {
  if (list.startsWith(open) && list.endsWith(close)) return list.slice(1, -1);
  throw new DoError("INVALID_ARGUMENT", `Cannot read ${JSON.stringify(list.slice(0, 64))}: it must stand between ${open} and ${close}`, {
    reason: "BAD_FILTER",
  });
}

/** Parts between commas, but for those in quotes, parentheses and braces. */
function splitList(list: string): string[] {
  if (list === "") return [];
  const items: string[] = [];
  let item = "";
  let depth = 0;
  for (const [token] of list.matchAll(/"(?:[^"\\]|\\.)*"|[\s\S]/g)) {
    if (token === "," && depth === 0) {
      items.push(item);
      item = "";
      continue;
    }
    if (token === "(" || token === "{") depth++;
    else if (token === ")" || token === "}") depth--;
    item += token;
  }
  return [...items, item];
}

function unquote(text: string): string {
  return /^"[\s\S]*"$/.test(text) ? text.slice(1, -1).replaceAll(/\\(.)/g, "$1") : text;
}

export function unsupported(what: string): DoError {
  return new DoError("UNSUPPORTED", `Not supported over this door: ${what}`, { reason: "REST" });
}
