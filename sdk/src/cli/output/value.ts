import { inspect } from "node:util";
import { encodeValue } from "../../values.ts";
import { printable } from "./printable.ts";

/** A result for people: a string as it is, JSON as JSON, other types as Node shows them; undefined shows nothing. */
export function prettyValue(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return printable(typeof value === "string" ? value : isPlainJson(value) ? JSON.stringify(value, null, 2) : inspected(value));
}

function isPlainJson(value: unknown): boolean {
  const types = Object.entries(encodeValue(value, "result").types);
  // An object in two places is two objects to JSON; inside itself it has no end.
  return types.every(([at, type]) => type.startsWith("ref:") && !`${at}/`.startsWith(`${type.slice(4)}/`));
}

function inspected(value: unknown): string {
  shortenErrors(value, new Set());
  return inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, breakLength: 100 });
}

/** The stack of an error that travelled is that of its decoding, here, which is no news to anybody. */
function shortenErrors(value: unknown, seen: Set<object>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Error) Object.defineProperty(value, inspect.custom, { value: () => `[${String(value)}]` });
  else if (value instanceof Map) for (const pair of value) shortenErrors(pair, seen);
  else if (value instanceof Set) for (const item of value) shortenErrors(item, seen);
  else if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) shortenErrors(item, seen);
}
