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

/** Compiles all of TypeScript, slowly; see guest/full-compiler.ts. */
export type CompileFull = (code: string) => Promise<{ code: string; map: string } | { error: string; line: number; column: number }>;

/**
 * What sucrase drops or passes on: namespaces that exist at run time, decorators, `accessor`. The pattern finds more
 * than these (it reads comments and strings too); a false find costs milliseconds, a missed one would run other code
 * than was sent.
 */
export const NEEDS_FULL =
  /\b(?:namespace|module)(?:\s*\/[/*]|\s+[\p{ID_Start}$_\\])|(?:^|[\s({[,;}/=:])@(?:\s|\/|\(|[\p{ID_Start}$_\\])|\baccessor\b/mu;

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

const NAMESPACE = /^[ \t]*(?:export[ \t]+)?(?:namespace|module)\s/m;
const WRAP = "export default async () => {";
const RETURN_IN_MODULE = /^Top-level return cannot be used/;

/**
 * esbuild: enums, namespaces, decorators as TypeScript has them. It takes code with a `return` of its own as a script
 * and code with an `await` of its own as a module, but none with both; that is compiled as the body of a function,
 * where TypeScript has no namespaces.
 */
async function transpileFull(code: string, compileFull: CompileFull): Promise<Transpiled> {
  const whole = await compileFull(code);
  if ("code" in whole) return fromMap(whole.code, whole.map, (position) => position);
  if (!RETURN_IN_MODULE.test(whole.error)) throw new CompileError(whole.error, { line: whole.line, column: whole.column + 1 });
  const body = await compileFull(`${WRAP}${code}\n}`);
  const inBody = ({ line, column }: Position) => ({ line, column: line === 1 ? column - WRAP.length : column });
  if ("code" in body) return bodyOf(fromMap(body.code, body.map, inBody));
  const hint = NAMESPACE.test(code) ? "; a namespace, a `return` and an `await` need `export default async (ctx) => ...`" : "";
  throw new CompileError(body.error + hint, inBody({ line: body.line, column: body.column + 1 }));
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
