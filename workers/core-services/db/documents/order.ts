import { DoError } from "../../../../sdk/src/errors.ts";
import { fieldOf, type Field } from "./path.ts";
import { ALWAYS, allOf, anyOf, fragment, NEVER, type Fragment } from "./sql.ts";

export interface OrderField {
  readonly field: Field;
  readonly isDescending: boolean;
}

/** The value of each field of an order, then the id: the place of a document in it. */
export type Place = readonly (string | number | null)[];

const ID = fieldOf("$id");

/** `["name", "-$createdAt"]`; the id comes last, so that the order is total. */
export function parseOrder(names: readonly string[]): OrderField[] {
  const order = names.map((name) => ({ field: fieldOf(name.replace(/^-/, "")), isDescending: name.startsWith("-") }));
  return order.some(({ field }) => field.kind === "id") ? order : [...order, { field: ID, isDescending: false }];
}

export function orderBy(order: readonly OrderField[]): string {
  return order.map(({ field, isDescending }) => `${field.value}${isDescending ? " DESC" : ""}`).join(", ");
}

/** Names the place of each row, for the cursor. */
export function placeColumns(order: readonly OrderField[]): string {
  return order.map(({ field }, i) => `${field.value} AS k${i}`).join(", ");
}

/** What comes after a place. NULL comes first, as SQLite has it; so a place holds whatever was written meanwhile. */
export function after(order: readonly OrderField[], place: Place): Fragment {
  return anyOf(
    order.map(({ field, isDescending }, i) =>
      allOf([
        ...order.slice(0, i).map((before, j) => fragment(`${before.field.value} IS ?`, place[j] ?? null)),
        beyond(field.value, place[i] ?? null, isDescending),
      ]),
    ),
  );
}

function beyond(column: string, value: string | number | null, isDescending: boolean): Fragment {
  if (value === null) return isDescending ? NEVER : fragment(`${column} IS NOT NULL`);
  return isDescending ? fragment(`(${column} < ? OR ${column} IS NULL)`, value) : fragment(`${column} > ?`, value);
}

/** @param list names the list, so that a cursor of another one is refused */
export function encodeCursor(list: string, place: Place): string {
  return toBase64Url(JSON.stringify([list, ...place]));
}

/** @throws DoError INVALID_ARGUMENT for a cursor of another list, or none */
export function decodeCursor(list: string, cursor: string, length: number): Place {
  const parts = parseJson(fromBase64Url(cursor));
  const isPlace = Array.isArray(parts) && parts.length === length + 1 && parts.every(isKey);
  if (!isPlace || parts[0] !== list) {
    throw new DoError(
      "INVALID_ARGUMENT",
      "Cannot use the cursor: it is not of this list; send the same filter and order that it came with",
      {
        reason: "BAD_CURSOR",
      },
    );
  }
  return parts.slice(1);
}

export function afterCursor(order: readonly OrderField[], list: string, cursor: string | undefined): Fragment {
  return cursor === undefined ? ALWAYS : after(order, decodeCursor(list, cursor, order.length));
}

/** Short, and told apart well enough for a mistake: it guards nothing. */
export function nameOfList(...parts: readonly unknown[]): string {
  let hash = 0x811c9dc5;
  for (const character of JSON.stringify(parts)) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(36);
}

function isKey(value: unknown): value is string | number | null {
  return value === null || typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
}

function toBase64Url(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function fromBase64Url(text: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
  } catch {
    return "";
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
