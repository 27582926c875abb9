import type { Readable } from "node:stream";

/** More than all that a run may log, as JSON escapes it. */
const MAX_LINE = 32 * 1024 * 1024;

/** Calls `onLine` with each line. One that is too long is dropped as it comes: whoever writes may run code of strangers. */
export function lines(input: Readable, onLine: (line: string) => void, most = MAX_LINE): void {
  let parts: string[] = [];
  let size = 0;
  input.setEncoding("utf8").on("data", (chunk: string) => {
    const [end = "", ...begun] = chunk.split("\n");
    keep(end);
    for (const next of begun) {
      if (size <= most) onLine(parts.join(""));
      [parts, size] = [[], 0];
      keep(next);
    }
  });

  function keep(part: string): void {
    size += part.length;
    if (size > most) parts = [];
    else if (part !== "") parts.push(part);
  }
}
