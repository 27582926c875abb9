import type { ExecutionError } from "../../../../sdk/src/types.ts";
import type { Compiled } from "./compile/compile.ts";
import type { Position } from "./compile/edits.ts";
import { USER_MODULE } from "./isolate.ts";
import type { GuestError } from "./guest/protocol.ts";

const FRAME = /^\s*at (?:(.*?) \()?(?:file:\/\/\/)?user\.js:(\d+):(\d+)\)?$/;
const MAX_FRAMES = 20;

/** An error of the code: its frames and no others, at positions of the text that was sent. */
export function threw(error: GuestError, compiled: Compiled): ExecutionError {
  const frames = userFrames(error.stack, compiled);
  const [top] = frames;
  const stack = frames.map(
    ({ name, position: { line, column } }) => `    at ${name ? `${name} (` : ""}${USER_MODULE}:${line}:${column}${name ? ")" : ""}`,
  );
  return {
    code: "THREW",
    name: error.name,
    message: error.message,
    ...(stack.length > 0 ? { stack: [`${error.name}: ${error.message}`, ...stack].join("\n") } : {}),
    ...top?.position,
  };
}

function userFrames(stack: string, compiled: Compiled): { name: string | undefined; position: Position }[] {
  const frames = [];
  for (const text of stack.split("\n")) {
    const [, name, line, column] = FRAME.exec(text) ?? [];
    if (line === undefined || column === undefined) continue;
    frames.push({
      // The module itself, and the function that a body becomes, have no name of the code's own.
      name: name?.replace(/^async /, "").replace(/^(?:Module\.)?default$/, "") || undefined,
      position: compiled.originalOf({ line: Number(line), column: Number(column) }),
    });
    if (frames.length === MAX_FRAMES) break;
  }
  return frames;
}

/**
 * What workerd says of a module that it cannot load:
 *
 *     Failed to start Worker:
 *     Uncaught SyntaxError: Identifier 'a' has already been declared
 *       at user.js:2:16
 */
export function loadError(message: string, compiled: Compiled): ExecutionError | undefined {
  const failed = /^Failed to start Worker:\s*(?:Uncaught )?(?:(\w*Error): )?([^\n]*)(?:\n\s*at (?:file:\/\/\/)?user\.js:(\d+):(\d+))?/.exec(
    message,
  );
  if (!failed) return undefined;
  const [, name, text, line, column] = failed;
  const position = line && column ? compiled.originalOf({ line: Number(line), column: Number(column) }) : undefined;
  return { code: "COMPILE_ERROR", name: name ?? "SyntaxError", message: text ?? "The code cannot be loaded", ...position };
}
