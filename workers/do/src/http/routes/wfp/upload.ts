import type { ModuleFile } from "../../../../../../sdk/src/gateway.ts";
import { DoError } from "../../../errors.ts";

/** What was uploaded: metadata or settings, and files by the name that they have among each other. */
export interface Sent {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly files: Readonly<Record<string, string | ModuleFile>>;
}

/**
 * A multipart upload, or one script as it is. The SDK calls what it sends as a form `application/javascript`: what a form
 * is shows in its first line.
 * @throws DoError INVALID_ARGUMENT
 */
export async function readUpload(bytes: Uint8Array): Promise<Sent> {
  const boundary = /^--([\w'()+,./:=?-]{1,70})\r?\n/.exec(new TextDecoder().decode(bytes.subarray(0, 80)))?.[1];
  if (boundary === undefined) {
    return { fields: { metadata: { main_module: "worker.js" } }, files: { "worker.js": textOf(bytes, "worker.js") } };
  }
  const form = await parseForm(bytes, boundary);
  const fields: [string, string][] = [];
  const files: [string, string | ModuleFile][] = [];
  for (const [name, value] of form) {
    // Metadata is JSON, whether it is sent as a field or as a file.
    if (typeof value === "string") fields.push([name, value]);
    else if (name === "metadata" || name === "settings") fields.push([name, await value.text()]);
    else files.push(await moduleOf(value.name === "" || value.name === "blob" ? name : value.name, value));
  }
  return { fields: nested(fields), files: Object.fromEntries(files) };
}

/** What a part is by its type, as Cloudflare has it: code, and what is imported as it is. */
async function moduleOf(name: string, file: Blob): Promise<[string, string | ModuleFile]> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  switch (file.type.split(";")[0]?.trim()) {
    case "application/wasm":
      return [name, { wasm: bytes.toBase64() }];
    case "application/octet-stream":
      // Also what is sent of files whose type nobody said.
      return [name, CODE.test(name) ? textOf(bytes, name) : { data: bytes.toBase64() }];
    case "text/plain":
      return [name, CODE.test(name) ? textOf(bytes, name) : { text: textOf(bytes, name) }];
    default:
      return [name, textOf(bytes, name)];
  }
}

const CODE = /\.(?:[cm]?[jt]s|[jt]sx)$/;

async function parseForm(bytes: Uint8Array, boundary: string): Promise<FormData> {
  try {
    return await new Response(bytes as BodyInit, { headers: { "content-type": `multipart/form-data; boundary=${boundary}` } }).formData();
  } catch {
    throw new DoError("INVALID_ARGUMENT", "The body must be a multipart form");
  }
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new DoError("INVALID_ARGUMENT", `The file ${name.slice(0, 200)} must be text in UTF-8`);
  }
}

const MAX_PARTS = 16;

/**
 * Fields with names as `metadata[bindings][][type]` as objects: a list's next object begins when a member comes again.
 * Pure. A field that is JSON by itself is that.
 */
export function nested(fields: readonly (readonly [name: string, value: string])[]): Record<string, unknown> {
  const root = new Map<string, unknown>();
  for (const [name, value] of fields) {
    const [first = "", ...rest] = partsOf(name);
    root.set(first, rest.length === 0 ? jsonOr(value) : put(root.get(first), rest, value));
  }
  return Object.fromEntries([...root].map(([name, value]) => [name, plain(value)]));
}

type Node = Map<string, unknown>;

function partsOf(name: string): string[] {
  const [head = "", ...rest] = name.split("[").map((part) => part.replace(/\]$/, ""));
  if (rest.length > MAX_PARTS) throw new DoError("INVALID_ARGUMENT", `A field's name has at most ${MAX_PARTS} parts`);
  return [head, ...rest];
}

function put(target: unknown, [part = "", ...rest]: readonly string[], value: string): unknown {
  if (part !== "") {
    const node: Node = target instanceof Map ? (target as Node) : new Map<string, unknown>();
    return node.set(part, rest.length === 0 ? value : put(node.get(part), rest, value));
  }
  const list: unknown[] = Array.isArray(target) ? target : [];
  if (rest.length === 0) return [...list, value];
  const last = list.at(-1);
  const isNext = !(last instanceof Map) || (rest.length === 1 && last.has(rest[0] ?? ""));
  if (isNext) return [...list, put(undefined, rest, value)];
  return [...list.slice(0, -1), put(last, rest, value)];
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Map ? Object.fromEntries([...(value as Node)].map(([name, member]) => [name, plain(member)])) : value;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
