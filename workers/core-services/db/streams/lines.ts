import { DoError } from "../../../../sdk/src/errors.ts";

/** The longest line: a row of SQL of 2 MB, of which JSON may make six times as much. */
const MAX_LINE_CHARACTERS = 13_000_000;

/** Text as a stream of bytes, made as it is read. A reader that leaves ends the generator. */
export function streamOf(texts: AsyncGenerator<string, void, undefined>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel() {
      // Not waited for: the generator may be waiting for a change.
      void texts.return();
    },
  });
}

/** The lines of a stream, numbered from 1, without those that are empty. @throws DoError INVALID_ARGUMENT, TOO_LARGE */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<{ n: number; text: string }, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let begun = "";
  let n = 0;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw badLine(n + 1, "it is not UTF-8");
    }
  };
  for await (const chunk of stream) {
    const [first = "", ...rest] = decode(chunk).split("\n");
    begun += first;
    for (const next of rest) {
      n++;
      if (begun.trim() !== "") yield { n, text: begun };
      begun = next;
    }
    if (begun.length > MAX_LINE_CHARACTERS) {
      throw new DoError("TOO_LARGE", `Cannot read line ${n + 1}: it may have at most ${MAX_LINE_CHARACTERS} characters`);
    }
  }
  begun += decode();
  if (begun.trim() !== "") yield { n: n + 1, text: begun };
}

/** The same of text that is cut anywhere. */
export function* linesOfPieces(pieces: Iterable<string>): Generator<string, void, undefined> {
  let begun = "";
  for (const piece of pieces) {
    const [first = "", ...rest] = piece.split("\n");
    begun += first;
    for (const next of rest) {
      if (begun !== "") yield begun;
      begun = next;
    }
  }
  if (begun !== "") yield begun;
}

export function badLine(n: number, problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot read line ${n}: ${problem}`, { reason: "BAD_LINE", details: { line: n } });
}

/** @throws DoError INVALID_ARGUMENT */
export function parseLine(n: number, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badLine(n, "it is not JSON");
  }
}
