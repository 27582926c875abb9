import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** Text in a style where `stream` is a terminal that has it; NO_COLOR and FORCE_COLOR are honoured. */
function style(format: Format, stream: NodeJS.WriteStream): (text: string) => string {
  return (text) => styleText(format, text, { stream });
}

export const onStderr = {
  bold: style("bold", process.stderr),
  dim: style("dim", process.stderr),
  red: style("red", process.stderr),
} as const;

export const onStdout = { bold: style("bold", process.stdout), dim: style("dim", process.stdout) } as const;

const LEVELS = { debug: "gray", log: "gray", info: "cyan", warn: "yellow", error: "red", trace: "magenta" } as const;

export function levelStyle(level: string, stream: NodeJS.WriteStream): (text: string) => string {
  return style(Object.hasOwn(LEVELS, level) ? LEVELS[level as keyof typeof LEVELS] : "gray", stream);
}
