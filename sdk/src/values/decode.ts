import { BYTES, escapeKey, MAX_DEPTH, ValueError, type BytesName, type BytesView, type EncodedValue } from "./shared.ts";

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

function raise(error: Error): never {
  throw error;
}
