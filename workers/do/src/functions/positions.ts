import { decode, type SourceMapMappings } from "@jridgewell/sourcemap-codec";
import type { ExecutionError } from "../../../../sdk/src/types.ts";

export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where positions of a function's one module stand in the files that were sent. */
export class Positions {
  readonly #mappings: SourceMapMappings;
  readonly #sources: readonly string[];

  /** @param map JSON of a source map, as esbuild makes it */
  constructor(map: string) {
    const { mappings, sources } = JSON.parse(map) as { mappings: string; sources: string[] };
    this.#mappings = decode(mappings);
    this.#sources = sources.map((source) => source.replace(/^upload:/, ""));
  }

  of(line: number, column: number): SourcePosition | undefined {
    let found: SourcePosition | undefined;
    for (const segment of this.#mappings[line - 1] ?? []) {
      if (segment.length < 4 || segment[0] > column - 1) break;
      const file = this.#sources[segment[1] ?? 0] ?? "";
      found = { file, line: (segment[2] ?? 0) + 1, column: (segment[3] ?? 0) + 1 + (column - 1 - segment[0]) };
    }
    return found;
  }

  /** The same error with its stack, line and column in the files, and of which file they are. */
  ofError(error: ExecutionError): { error: ExecutionError; file: string | undefined } {
    const top = error.line === undefined || error.column === undefined ? undefined : this.of(error.line, error.column);
    const stack = error.stack?.replaceAll(/\buser\.js:(\d+):(\d+)/g, (frame, line: string, column: string) => {
      const at = this.of(Number(line), Number(column));
      return at ? `${at.file}:${at.line}:${at.column}` : frame;
    });
    const mapped = { ...error, ...(stack === undefined ? {} : { stack }), ...(top ? { line: top.line, column: top.column } : {}) };
    return { error: mapped, file: top?.file };
  }
}
