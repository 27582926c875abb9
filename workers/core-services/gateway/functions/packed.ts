/**
 * A version's module and the WebAssembly that it imports, as the one text that is kept, hashed and sent to where it runs:
 * after the module a comment line for each, `//# wasm=<path> <base64>`. Code that writes such a line itself gets a module
 * of its own by it, and nothing else.
 */
const LINE = /^\/\/# wasm=([A-Za-z0-9_@+-][A-Za-z0-9_.@+/-]{0,194}\.wasm) ([A-Za-z0-9+/]+={0,2})$/;

export interface Unpacked {
  readonly code: string;
  /** By the path that the code imports them by, from where it is itself. */
  readonly wasm: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Pure. */
export function packed(code: string, wasm: readonly (readonly [path: string, base64: string])[]): string {
  return [code, ...wasm.map(([path, base64]) => `//# wasm=${path} ${base64}`)].join("\n");
}

/** Pure. What is no such line, from the end on, is code. */
export function unpacked(text: string): Unpacked {
  const wasm = new Map<string, Uint8Array<ArrayBuffer>>();
  let end = text.length;
  while (end > 0) {
    const start = text.lastIndexOf("\n", end - 1) + 1;
    const [, path = "", base64 = ""] = text.startsWith("//# wasm=", start) ? (LINE.exec(text.slice(start, end)) ?? []) : [];
    const bytes = path === "" ? undefined : bytesOf(base64);
    if (!bytes) break;
    wasm.set(path, bytes);
    end = start - 1;
  }
  return { code: text.slice(0, Math.max(0, end)), wasm };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return undefined;
  }
}
