/** What encoding and decoding have in common (values.ts says what it is all about). */

/** Type names by JSON Pointer; the root is `""`. A second sight of one object is `ref:` and the pointer of the first. */
export type ValueTypes = Record<string, string>;

export interface EncodedValue {
  /** A JSON tree, or undefined when the value itself is undefined. */
  value: unknown;
  types: ValueTypes;
}

/** A value that cannot travel, with the path at which it was found: `result.items[3].save is a function`. */
export class ValueError extends TypeError {
  override readonly name = "ValueError";
}

/** Deeper trees are refused: whoever reads them walks them with recursion. */
export const MAX_DEPTH = 500;

export type BytesView = new (buffer: ArrayBuffer) => ArrayBufferView;

export const BYTES = {
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
} as const;
export type BytesName = keyof typeof BYTES;

/** A key as a JSON Pointer has it. */
export function escapeKey(key: string | number): string {
  return typeof key === "number" ? String(key) : key.replaceAll("~", "~0").replaceAll("/", "~1");
}
