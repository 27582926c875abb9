import yoctoSpinner from "yocto-spinner";
import type { Bytes } from "../../db.ts";

const SHOW_EVERY_MS = 200;

/** The same stream, counted; when a person watches, standard error shows how far it is. */
export function countBytes(stream: Bytes, doing: string): { stream: Bytes; bytes: () => number } {
  let bytes = 0;
  let shownMs = 0;
  const spinner = process.stderr.isTTY ? yoctoSpinner({ text: doing, stream: process.stderr, handleSignals: false }).start() : undefined;
  const counted = stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (spinner && Date.now() - shownMs > SHOW_EVERY_MS) {
          shownMs = Date.now();
          spinner.text = `${doing} ${showBytes(bytes)}`;
        }
        controller.enqueue(chunk);
      },
      flush: () => void spinner?.stop(),
    }),
  );
  return { stream: counted, bytes: () => bytes };
}

export function showBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
