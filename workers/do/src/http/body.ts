import { DoError } from "../errors.ts";
import { HttpError } from "./problem.ts";

/** The body of a request as JSON, read up to `maxBytes` and no further. */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const type = request.headers.get("content-type");
  if (type !== null && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new HttpError(415, "UNSUPPORTED_MEDIA_TYPE", `The content-type must be application/json, got ${type.slice(0, 64)}`);
  }
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new HttpError(415, "UNSUPPORTED_ENCODING", "The content-encoding must be identity");
  }
  const text = decode(await readBytes(request, maxBytes));
  if (text.trim() === "") throw new DoError("INVALID_ARGUMENT", "The body must be JSON, got nothing");
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new DoError("INVALID_ARGUMENT", "The body must be JSON, and it does not parse");
  }
}

export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes, declared);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes, size);
    chunks.push(chunk);
  }
  const [only] = chunks;
  return chunks.length === 1 && only ? only : join(chunks, size);
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new DoError("INVALID_ARGUMENT", "The body must be UTF-8");
  }
}

function tooLarge(most: number, got: number): DoError {
  return new DoError("TOO_LARGE", `The body must be at most ${most} bytes, got ${got} or more`);
}
