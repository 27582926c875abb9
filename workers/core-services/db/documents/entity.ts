import { DoError } from "../../../../sdk/src/errors.ts";
import { encodeValue, type EncodedValue } from "../../../../sdk/src/values.ts";
import { byteLength } from "../../shared/hash.ts";
import { DB_LIMITS } from "../limits.ts";
import { segmentsOf, valueAt } from "./path.ts";

export type Data = Record<string, unknown>;

/** A document as callers see it. */
export interface Entity {
  id: string;
  version: number;
  createdAt: string;
  updatedAt: string;
  data: Data;
}

/** A document as it is stored. */
export interface Stored {
  id: string;
  version: number;
  created_ms: number;
  updated_ms: number;
  expires_ms: number | null;
  data: string;
}

export interface Row extends Stored, Record<string, SqlStorageValue> {
  seq: number;
}

export function toEntity({ id, version, created_ms, updated_ms, data }: Omit<Stored, "expires_ms">, fields?: readonly string[]): Entity {
  const whole = JSON.parse(data) as Data;
  return {
    id,
    version,
    createdAt: new Date(created_ms).toISOString(),
    updatedAt: new Date(updated_ms).toISOString(),
    data: fields ? pick(whole, fields) : whole,
  };
}

/** Of `data`, the parts at these paths, at their places; what is not there stays away. */
function pick(data: Data, fields: readonly string[]): Data {
  const picked: Data = {};
  for (const field of fields) {
    const segments = segmentsOf(field);
    const value = valueAt(data, segments);
    // A place in a list has no place of its own without the others: the whole list comes.
    const names = segments.slice(0, segments.findIndex((segment) => typeof segment === "number") >>> 0) as string[];
    if (value !== undefined) put(picked, names, names.length === segments.length ? value : valueAt(data, names));
  }
  return picked;
}

function put(target: Data, names: readonly string[], value: unknown): void {
  const last = names.at(-1) ?? "";
  let at = target;
  for (const name of names.slice(0, -1)) {
    const there = Object.hasOwn(at, name) ? at[name] : undefined;
    const next = isPlain(there) ? there : {};
    define(at, name, next);
    at = next;
  }
  define(at, last, value);
}

/** Assigning `__proto__` would be something else. */
function define(target: Data, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function isPlain(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * RFC 7396: null takes a member away, an object goes into an object, all else replaces.
 * @see https://www.rfc-editor.org/rfc/rfc7396
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isPlain(patch)) return patch;
  const merged: Data = {};
  if (isPlain(target)) for (const [name, value] of Object.entries(target)) define(merged, name, value);
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete merged[name];
    else define(merged, name, mergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, value));
  }
  return merged;
}

/** @throws DoError INVALID_ARGUMENT for what JSON would lose, TOO_LARGE */
export function toJson(data: Data): string {
  const { value, types } = encode(data);
  const lost = Object.entries(types).find(([, type]) => type !== "undefined");
  if (lost) throw new DoError("INVALID_ARGUMENT", `Cannot write the document: data${lost[0]} is a ${lost[1]}, and a document is JSON`);
  const json = JSON.stringify(Object.keys(types).length > 0 ? data : value);
  const bytes = byteLength(json);
  if (bytes > DB_LIMITS.documentBytes) {
    throw new DoError("TOO_LARGE", `Cannot write the document: it must be at most ${DB_LIMITS.documentBytes} bytes, got ${bytes}`);
  }
  return json;
}

function encode(data: Data): EncodedValue {
  try {
    return encodeValue(data, "data");
  } catch (error) {
    throw new DoError("INVALID_ARGUMENT", `Cannot write the document: ${error instanceof Error ? error.message : "it is not JSON"}`);
  }
}
