import type { LogEntry } from "../../types.ts";
import { printable } from "./printable.ts";
import { levelStyle } from "./style.ts";

const WIDTH = "error ".length;

/** A log under its level; further lines are indented, so that no message looks like two. */
export function logLine({ level, message }: LogEntry, stream: NodeJS.WriteStream): string {
  const label = levelStyle(level, stream)(printable(level).padEnd(WIDTH));
  return label + printable(message).replaceAll("\n", `\n${" ".repeat(WIDTH)}`);
}
