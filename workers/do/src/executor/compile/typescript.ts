import { decode, type SourceMapMappings } from "@jridgewell/sourcemap-codec";
import { transform } from "sucrase";
import { positionOf, type Position } from "./edits.ts";

/** JavaScript, and where each of its positions stands in the TypeScript it was made from. */
export interface Transpiled {
  readonly text: string;
  originalOf(position: Position): Position;
}

/** Code that cannot be compiled, with its place in the text that was sent. */
export class CompileError extends Error {
  override readonly name = "SyntaxError";
  readonly position: Position | undefined;

  constructor(message: string, position: Position | undefined) {
    super(message);
    this.position = position;
  }
}

/** Compiles all of TypeScript, slowly; see `FullTypeScript`. */
export type CompileFull = (code: string) => Promise<{ code: string; map: string } | { error: string; line: number; column: number }>;

/**
 * What sucrase drops or passes on: namespaces that exist at run time, decorators, `accessor`. The pattern finds more
 * than these (it reads comments and strings too); a false find costs milliseconds, a missed one would run other code
 * than was sent.
 */
const NEEDS_FULL = /\b(?:namespace|module)(?:\s|\/)+[\p{ID_Start}$_\\]|(?:^|[\s({[,;}/=:])@(?:\s|\/|\(|[\p{ID_Start}$_\\])|\baccessor\b/mu;

export async function transpile(code: string, compileFull: CompileFull): Promise<Transpiled> {
  return NEEDS_FULL.test(code) ? transpileFull(code, compileFull) : transpileFast(code);
}

/** JavaScript as it was sent. */
export function untouched(code: string): Transpiled {
  return { text: code, originalOf: (position) => position };
}

/** Sucrase: 0.2 ms for 40 lines. The map costs as much again, so it is made when a position is asked for. */
function transpileFast(code: string): Transpiled {
  const options = { transforms: ["typescript" as const], disableESTransforms: true, preserveDynamicImport: true, filePath: "user.ts" };
  let mappings: SourceMapMappings | undefined;
  try {
    const { code: text } = transform(code, options);
    return {
      text,
      originalOf: (position) => {
        mappings ??= decode(transform(code, { ...options, sourceMapOptions: { compiledFilename: "user.js" } }).sourceMap?.mappings ?? "");
        return lookUp(mappings, position);
      },
    };
  } catch (error) {
    throw fromSucrase(error);
  }
}

function fromSucrase(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof RangeError) return new CompileError("The code is nested too deeply", undefined);
  const at = /\((\d+):(\d+)\)\s*$/.exec(error.message);
  if (!at) return error;
  const message = error.message
    .replace(/^Error transforming [^:]*: /, "")
    .slice(0, at.index - error.message.length)
    .trim();
  // Sucrase counts columns from 1, as we do.
  return new CompileError(message.replace(/\s*\(\d+:\d+\)$/, ""), { line: Number(at[1]), column: Number(at[2]) });
}

const WRAP = "async()=>{";

/** esbuild: enums, namespaces, decorators as TypeScript has them. A body has a `return`, so it is compiled as a function's. */
async function transpileFull(code: string, compileFull: CompileFull): Promise<Transpiled> {
  const asModule = await compileFull(code);
  if ("code" in asModule) return fromMap(asModule.code, asModule.map, (position) => position);
  const asBody = await compileFull(`export default ${WRAP}${code}\n}`);
  if ("error" in asBody) throw new CompileError(asModule.error, { line: asModule.line, column: asModule.column + 1 });
  const prefix = `export default ${WRAP}`.length;
  const original = ({ line, column }: Position) => ({ line, column: line === 1 ? column - prefix : column });
  return bodyOf(fromMap(asBody.code, asBody.map, original));
}

function fromMap(text: string, map: string, original: (position: Position) => Position): Transpiled {
  const { mappings } = JSON.parse(map) as { mappings: string };
  let decoded: SourceMapMappings | undefined;
  return { text, originalOf: (position) => original(lookUp((decoded ??= decode(mappings)), position)) };
}

/** The statements of the one function that the wrapped text became; helpers that esbuild put before it stay before it. */
function bodyOf(whole: Transpiled): Transpiled {
  const opening = /^(?:export default |var \w+_default = )async \(\) => \{\n/m.exec(whole.text);
  if (!opening) throw new CompileError("The code cannot be compiled as a body; use `export default`", undefined);
  const start = opening.index + opening[0].length;
  const end = whole.text.lastIndexOf("\n}");
  const helpers = whole.text.slice(0, opening.index);
  const text = helpers + whole.text.slice(start, end);
  const cut = positionOf(whole.text, start);
  const startsAt = positionOf(text, helpers.length);
  return {
    text,
    originalOf: (position) =>
      whole.originalOf(position.line < startsAt.line ? position : { ...position, line: position.line - startsAt.line + cut.line }),
  };
}

function lookUp(mappings: SourceMapMappings, { line, column }: Position): Position {
  const segments = mappings[line - 1] ?? [];
  let found: Position | undefined;
  for (const segment of segments) {
    if (segment.length < 4 || segment[0] > column - 1) break;
    found = { line: (segment[2] ?? 0) + 1, column: (segment[3] ?? 0) + 1 + (column - 1 - segment[0]) };
  }
  return found ?? { line, column };
}
