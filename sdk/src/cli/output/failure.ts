import type { ExecutionAnswer } from "../../types.ts";
import type { Source } from "../source.ts";
import { excerpt } from "./excerpt.ts";
import { printable, printableLine } from "./printable.ts";
import { onStderr } from "./style.ts";

/**
 * Why code did not end `ok`, with its place in the text that was sent:
 *
 *     RangeError: boom
 *       at orders.ts:2:9
 *         throw new RangeError("boom");
 *               ^
 */
export function failure({ outcome, error }: ExecutionAnswer, source: Source): string {
  const isOfTheCode = outcome === "threw" || outcome === "compile-error";
  const name = printableLine(isOfTheCode ? (error?.name ?? "Error") : outcome);
  const lines = [`${onStderr.red(onStderr.bold(name))}: ${printable(error?.message ?? "no reason given")}`];
  if (error?.line !== undefined && error.column !== undefined) {
    lines.push(`  at ${place(source, error.line, error.column)}`);
    const shown = excerpt(source.code, error.line, error.column);
    if (shown !== undefined) lines.push(shown.replaceAll(/^/gm, "    "));
    lines.push(...callers(error.stack, source));
  }
  return lines.join("\n");
}

/** The frames under the first one, which is the place itself. */
function callers(stack: string | undefined, source: Source): string[] {
  const frames = [...(stack ?? "").matchAll(/^ {4}at (?:(.*) \()?user\.js:(\d+):(\d+)\)?$/gm)];
  return frames.slice(1).map(([, name, line, column]) => {
    const at = place(source, Number(line), Number(column));
    return onStderr.dim(name ? `  at ${printableLine(name)} (${at})` : `  at ${at}`);
  });
}

function place(source: Source, line: number, column: number): string {
  return `${printableLine(source.name)}:${line}:${column}`;
}
