import { Edits, type Position } from "./edits.ts";
import { findForm } from "./form.ts";
import { instrument } from "./instrument.ts";
import { cleanSource } from "./source.ts";
import { CompileError, transpile, untouched, type CompileFull, type Transpiled } from "./typescript.ts";

export { CompileError, type CompileFull } from "./typescript.ts";

/** A module that can be loaded, and the way back from its positions to those of the text that was sent. */
export interface Compiled {
  readonly text: string;
  originalOf(position: Position): Position;
}

export interface CompileOptions {
  readonly language: "ts" | "js";
  /** The names that a body finds in scope. */
  readonly inScope: readonly string[];
  /** Whether runaway code must stop itself, because nothing outside stops it. */
  readonly guard: boolean;
}

/**
 * Code as it was sent (a body, a module or a Worker, in TypeScript or JavaScript, perhaps in a Markdown fence) as one
 * module with a default export. It never becomes part of another text: the harness imports it.
 * @throws CompileError with a position of the text that was sent
 */
export async function compile(code: string, options: CompileOptions, compileFull: CompileFull): Promise<Compiled> {
  const clean = cleanSource(code);
  const javascript = options.language === "ts" ? await transpile(clean, compileFull) : untouched(clean);
  try {
    return toModule(javascript, options);
  } catch (error) {
    if (error instanceof CompileError && error.position) throw new CompileError(error.message, javascript.originalOf(error.position));
    throw error;
  }
}

function toModule(javascript: Transpiled, options: CompileOptions): Compiled {
  const form = findForm(javascript.text, options.inScope);
  const edits = new Edits(form.text);
  if (form.lastStatement) edits.insert(form.lastStatement.start, "return ");
  const imports = options.guard ? instrument(form.program, form.text, edits) : "";
  const edited = edits.apply();
  const head = imports + form.head;
  return {
    text: `${head}${edited.text}${form.tail}`,
    originalOf: (position) => {
      const inText = position.line === 1 ? { ...position, column: Math.max(1, position.column - head.length) } : position;
      return javascript.originalOf(edited.originalOf(inText));
    },
  };
}
