import { BYTES, escapeKey, MAX_DEPTH, ValueError, type BytesName, type EncodedValue, type ValueTypes } from "./shared.ts";

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

function under(parent: Place, key: string | number): Place {
  return { parent, key, depth: parent.depth + 1, length: parent.length + 1 + (typeof key === "number" ? 6 : key.length) };
}

function start(root: string): Place {
  return { parent: undefined, key: root, depth: 0, length: 0 };
}

function rootOf(place: Place): string {
  return place.parent ? rootOf(place.parent) : String(place.key);
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
