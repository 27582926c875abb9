import type { Change, Data } from "./db.ts";

/**
 * The changes of a stream that `watch()` answered, as they come. Keep the last one's `cursor` to go on after a break.
 *
 *     for await (const change of readChanges(await db.watch("users"))) console.log(change.op, change.id);
 */
export async function* readChanges<T = Data>(stream: ReadableStream<Uint8Array>): AsyncGenerator<Change<T>, void, undefined> {
  const decoder = new TextDecoder();
  // Not every browser iterates a stream.
  const reader = stream.getReader();
  let begun = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (begun + decoder.decode(value, { stream: true })).split("\n");
      begun = lines.pop() ?? "";
      // An empty line says that the stream lives.
      for (const line of lines) if (line !== "") yield JSON.parse(line) as Change<T>;
    }
  } finally {
    await reader.cancel();
  }
}
