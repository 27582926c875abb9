/**
 * The one encoding of values that JSON cannot carry (docs/values.md). Plain JSON stays plain; what is not is written
 * as the nearest JSON, and a second table names its type by JSON Pointer (RFC 6901):
 *
 *     { at: new Date(0), ids: new Set([1n]) }
 *     value  {"at":"1970-01-01T00:00:00.000Z","ids":["1"]}
 *     types  {"/at":"Date","/ids":"Set","/ids/0":"bigint"}
 *
 * It runs in the guest (to encode a result), in the host (to check what came) and in the SDK (to decode it).
 */

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

type BytesView = new (buffer: ArrayBuffer) => ArrayBufferView;

const BYTES = {
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
type BytesName = keyof typeof BYTES;

/** The types of one value may take this many characters: each writes its whole path, and a path may be long. */
const MAX_TYPES_CHARACTERS = 8 * 1024 * 1024;

/** Where the walk is: a linked list, so that a path is only written out when somebody needs it. */
interface Place {
  readonly parent: Place | undefined;
  readonly key: string | number;
  readonly depth: number;
  /** About the characters of its path. */
  readonly length: number;
}

interface Pending {
  readonly promise: PromiseLike<unknown>;
  readonly place: Place;
  readonly put: (json: unknown) => void;
}

class Encoder {
  // Its keys are pointers: empty, or with a slash in front. None is a name that objects inherit.
  readonly types: ValueTypes = {};
  readonly pending: Pending[] = [];
  readonly #seen = new Map<object, Place>();
  #typesCharacters = 0;

  encode(value: unknown, place: Place): unknown {
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : this.#typed(place, "number", Object.is(value, -0) ? "-0" : String(value));
      case "bigint":
        return this.#typed(place, "bigint", String(value));
      case "undefined":
        return this.#typed(place, "undefined", null);
      case "object":
        return value === null ? null : this.#object(value, place);
      default:
        throw new ValueError(`${where(place)} is a ${typeof value}: return plain data`);
    }
  }

  /** An encoder that may meet promises puts `put` behind each, and the caller waits. */
  child(value: unknown, place: Place, put: (json: unknown) => void): void {
    if (isThenable(value)) this.pending.push({ promise: value, place, put });
    else put(this.encode(value, place));
  }

  #typed(place: Place, type: string, json: unknown): unknown {
    this.#typesCharacters += place.length + type.length;
    if (this.#typesCharacters > MAX_TYPES_CHARACTERS) throw new ValueError(`${rootOf(place)} has too many typed values under long keys`);
    this.types[pointer(place)] = type;
    return json;
  }

  #object(value: object, place: Place): unknown {
    if (place.depth > MAX_DEPTH) throw new ValueError(`${where(place)} is nested deeper than ${MAX_DEPTH} levels`);
    const first = this.#seen.get(value);
    if (first) return this.#typed(place, `ref:${pointer(first)}`, null);
    this.#seen.set(value, place);
    if (Array.isArray(value)) return this.#array(value, place);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.#record(value, place);
    return this.#builtin(value, place);
  }

  #array(value: readonly unknown[], place: Place): unknown[] {
    const out: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      // Thirty bytes of code can make an array of four thousand million holes; as JSON it would fill the host.
      if (!(i in value)) throw new ValueError(`${where(place)} is a sparse array: index ${i} of ${value.length} is empty`);
      this.child(value[i], under(place, i), (json) => void (out[i] = json));
    }
    return out;
  }

  #record(value: object, place: Place): unknown {
    // Null-prototype, so that a key named __proto__ is a key.
    const out = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) {
      const at = under(place, key);
      out[key] = null;
      this.child(read(value, key, at), at, (json) => void (out[key] = json));
    }
    return out;
  }

  #builtin(value: object, place: Place): unknown {
    if (value instanceof Date) return this.#typed(place, "Date", Number.isNaN(value.getTime()) ? null : value.toISOString());
    if (value instanceof Map) {
      this.#typed(place, "Map", null);
      return [...value].map(([key, item], i) => [
        this.encode(key, under(under(place, i), 0)),
        this.encode(item, under(under(place, i), 1)),
      ]);
    }
    if (value instanceof Set) {
      this.#typed(place, "Set", null);
      return [...value].map((item, i) => this.encode(item, under(place, i)));
    }
    if (value instanceof RegExp) return this.#typed(place, "RegExp", [value.source, value.flags]);
    if (value instanceof URL) return this.#typed(place, "URL", value.href);
    if (value instanceof Error) return this.#typed(place, "Error", { name: String(value.name), message: String(value.message) });
    if (value instanceof ArrayBuffer) return this.#typed(place, "ArrayBuffer", toBase64(new Uint8Array(value)));
    if (ArrayBuffer.isView(value)) {
      const name = (Object.keys(BYTES) as BytesName[]).find((n) => value instanceof BYTES[n]);
      if (name) return this.#typed(place, name, toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)));
    }
    throw new ValueError(`${where(place)} is an instance of ${className(value)}: return plain data`);
  }
}

/**
 * Encodes a value that holds no promises.
 * @param root the word that paths in errors start with: `result`, `input`
 * @throws ValueError naming the path of what cannot travel
 */
export function encodeValue(value: unknown, root: string): EncodedValue {
  const encoder = new Encoder();
  const json = value === undefined ? undefined : encoder.encode(value, start(root));
  const [waiting] = encoder.pending;
  if (waiting) throw new ValueError(`${where(waiting.place)} is a promise: await it first`);
  return { value: json, types: encoder.types };
}

/** Encodes a value and everything that the promises inside it settle to. A rejection inside is the whole's rejection. */
export async function encodeSettled(value: unknown, root: string): Promise<EncodedValue> {
  const encoder = new Encoder();
  const place: Place = start(root);
  const top = await value;
  const json = top === undefined ? undefined : encoder.encode(top, place);
  for (let next = encoder.pending.shift(); next; next = encoder.pending.shift()) {
    next.put(encoder.encode(await next.promise, next.place));
  }
  return { value: json, types: encoder.types };
}

/** The types as a tree: walked beside the value, so that no path is ever written out. */
interface TypeNode {
  type?: string;
  children?: Map<string, TypeNode>;
  /** The value that was made here, for those that refer to it. */
  made?: unknown;
}

/**
 * Rebuilds the value. Safe on hostile input of bounded size: it makes nothing larger than what it reads.
 * @throws ValueError when `types` does not fit `value`
 */
export function decodeValue({ value, types }: EncodedValue): unknown {
  const entries = Object.entries(types);
  if (entries.length === 0) return value;
  const root: TypeNode = {};
  for (const [at, type] of entries) {
    nodeAt(root, value, at).type = type;
    // What is referred to must be kept when it is made.
    if (type.startsWith("ref:")) nodeAt(root, value, type.slice(4));
  }
  return revive(value, root, root, 0);
}

/** The node of a pointer, which must lead to something: so there are no more nodes than there are values. */
function nodeAt(root: TypeNode, value: unknown, at: string): TypeNode {
  let node = root;
  let json = value;
  for (let from = 0; from < at.length;) {
    const end = at.indexOf("/", from + 1);
    const key = at.slice(from + 1, end === -1 ? at.length : end);
    json = property(json, key.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (json === undefined) throw new ValueError("value has no place for one of its types");
    node.children ??= new Map();
    const next: TypeNode = node.children.get(key) ?? {};
    node.children.set(key, next);
    node = next;
    from = end === -1 ? at.length : end;
  }
  return node;
}

function property(json: unknown, key: string): unknown {
  if (typeof json !== "object" || json === null || !Object.hasOwn(json, key)) return undefined;
  return (json as Record<string, unknown>)[key];
}

function revive(json: unknown, node: TypeNode | undefined, root: TypeNode, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new ValueError(`value is nested deeper than ${MAX_DEPTH} levels`);
  // Nothing below has a type, and JSON is what it is; only its depth is still looked at.
  if (!node) return reviveTree(json, undefined, root, depth);
  const { type } = node;
  if (type === undefined) return reviveTree(json, node, root, depth);
  if (type.startsWith("ref:")) {
    const target = madeAt(root, type.slice(4));
    if (!target || !("made" in target)) throw new ValueError(`value refers to ${type.slice(4)}, which is not there`);
    return target.made;
  }
  node.made = reviveTyped(type, json, node, root, depth);
  return node.made;
}

function madeAt(root: TypeNode, at: string): TypeNode | undefined {
  return at
    .split("/")
    .slice(1)
    .reduce<TypeNode | undefined>((node, key) => node?.children?.get(key), root);
}

function reviveChild(json: unknown, key: string | number, node: TypeNode | undefined, root: TypeNode, depth: number): unknown {
  return revive(json, node?.children?.get(escapeKey(key)), root, depth + 1);
}

function reviveTree(json: unknown, node: TypeNode | undefined, root: TypeNode, depth: number): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) {
    const out: unknown[] = [];
    if (node) node.made = out; // before its items: a cycle leads back here
    for (let i = 0; i < json.length; i++) out.push(reviveChild(json[i], i, node, root, depth));
    return out;
  }
  const out: Record<string, unknown> = {};
  if (node) node.made = out;
  for (const [key, item] of Object.entries(json)) {
    Object.defineProperty(out, key, {
      value: reviveChild(item, key, node, root, depth),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return out;
}

function reviveTyped(type: string, json: unknown, node: TypeNode, root: TypeNode, depth: number): unknown {
  const bad = () => new ValueError(`a value is not the ${type} that its type says`);
  switch (type) {
    case "undefined":
      return undefined;
    case "number":
      return Number(json);
    case "bigint":
      if (typeof json !== "string" || !/^-?\d+$/.test(json)) throw bad();
      return BigInt(json);
    case "Date":
      if (json !== null && typeof json !== "string") throw bad();
      return new Date(json ?? Number.NaN);
    case "URL":
      if (typeof json !== "string" || !URL.canParse(json)) throw bad();
      return new URL(json);
    case "RegExp":
      return reviveRegExp(json) ?? raise(bad());
    case "Error":
      return reviveError(json) ?? raise(bad());
    case "Map": {
      if (!Array.isArray(json)) throw bad();
      const map = new Map();
      node.made = map;
      for (const [i, pair] of json.entries()) {
        const entry: unknown = reviveChild(pair, i, node, root, depth);
        if (!Array.isArray(entry)) throw bad();
        map.set(entry[0], entry[1]);
      }
      return map;
    }
    case "Set": {
      if (!Array.isArray(json)) throw bad();
      const set = new Set();
      node.made = set;
      for (const [i, item] of json.entries()) set.add(reviveChild(item, i, node, root, depth));
      return set;
    }
    default:
      return reviveBytes(type, json) ?? raise(bad());
  }
}

function reviveRegExp(json: unknown): RegExp | undefined {
  if (!Array.isArray(json) || typeof json[0] !== "string" || typeof json[1] !== "string") return undefined;
  try {
    return new RegExp(json[0], json[1]);
  } catch {
    return undefined;
  }
}

function reviveError(json: unknown): Error | undefined {
  if (typeof json !== "object" || json === null || !("name" in json) || !("message" in json)) return undefined;
  const error = new Error(String(json.message));
  error.name = String(json.name);
  return error;
}

function reviveBytes(type: string, json: unknown): ArrayBuffer | ArrayBufferView | undefined {
  if (typeof json !== "string") return undefined;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.from(atob(json), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
  if (type === "ArrayBuffer") return bytes.buffer;
  if (!Object.hasOwn(BYTES, type)) return undefined;
  const View: BytesView & { BYTES_PER_ELEMENT?: number } = BYTES[type as BytesName];
  return bytes.length % (View.BYTES_PER_ELEMENT ?? 1) === 0 ? new View(bytes.buffer) : undefined;
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  // An RPC promise is a function to typeof.
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return "then" in value && typeof value.then === "function";
}

function read(value: object, key: string, place: Place): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch (error) {
    throw new ValueError(`${where(place)} cannot be read: ${error instanceof Error ? error.message : "its getter threw"}`);
  }
}

function className(value: object): string {
  const { constructor } = value;
  return typeof constructor === "function" && constructor.name ? constructor.name : "a class";
}

function raise(error: Error): never {
  throw error;
}

function under(parent: Place, key: string | number): Place {
  return { parent, key, depth: parent.depth + 1, length: parent.length + 1 + (typeof key === "number" ? 6 : key.length) };
}

function start(root: string): Place {
  return { parent: undefined, key: root, depth: 0, length: 0 };
}

function rootOf(place: Place): string {
  return place.parent ? rootOf(place.parent) : String(place.key);
}

function escapeKey(key: string | number): string {
  return typeof key === "number" ? String(key) : key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function pointer(place: Place): string {
  return place.parent ? `${pointer(place.parent)}/${escapeKey(place.key)}` : "";
}

/** `result.items[3].save`, for people. */
function where(place: Place): string {
  if (!place.parent) return String(place.key);
  const before = where(place.parent);
  if (typeof place.key === "number") return `${before}[${place.key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(place.key) ? `${before}.${place.key}` : `${before}[${JSON.stringify(place.key)}]`;
}
