import { DoError } from "../../../../sdk/src/errors.ts";

/** The same bytes, up to `maxBytes` and until `signal`; then it breaks off. */
export function bounded(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let size = 0;
  return new ReadableStream({
    type: "bytes",
    async pull(controller: ReadableByteStreamController) {
      const { done, value } = await reader.read().catch(() => {
        throw signal.aborted ? brokenOff("TIMEOUT", "it took too long") : brokenOff("UPSTREAM", "it broke off");
      });
      if (done) {
        controller.close();
        // A pending read of a byte stream is answered by this.
        controller.byobRequest?.respond(0);
        return;
      }
      size += value.byteLength;
      if (size > maxBytes) {
        await reader.cancel();
        throw new DoError("TOO_LARGE", `Cannot read the answer: it is more than ${maxBytes} bytes`, { reason: "RESPONSE_TOO_LARGE" });
      }
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** All of a body as text. @throws DoError TOO_LARGE, UPSTREAM, TIMEOUT */
export async function readText(body: ReadableStream<Uint8Array> | null): Promise<string> {
  return new TextDecoder().decode(await readAll(body));
}

export async function readAll(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return joined(chunks);
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function brokenOff(code: "TIMEOUT" | "UPSTREAM", why: string): DoError {
  return new DoError(code, `Cannot read the answer: ${why}`, { reason: "BODY_LOST" });
}
