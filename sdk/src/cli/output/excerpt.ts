import { printable } from "./printable.ts";

/** A source line longer than this is shown around the place only. */
const WIDTH = 120;
const BEFORE = 60;

/**
 * A line of source and a caret under the column, or undefined where there is no such line.
 * @param column 1-based, in UTF-16 units
 */
export function excerpt(source: string, line: number, column: number): string | undefined {
  const text = source.split(/\r\n|[\n\r\u2028\u2029]/)[line - 1];
  if (text === undefined || text.trim() === "") return undefined;
  const at = Math.min(column - 1, text.length);
  const from = text.length > WIDTH ? Math.max(0, at - BEFORE) : 0;
  const before = clean(text.slice(from, at));
  const after = clean(text.slice(at, from + WIDTH));
  const cut = from > 0 ? "…" : "";
  return `${cut}${before}${after}${from + WIDTH < text.length ? "…" : ""}\n${" ".repeat(cut.length)}${asSpace(before)}^`;
}

function clean(text: string): string {
  return printable(text).replaceAll("\n", "");
}

/** Space as wide as the text: a tab stays a tab, wide characters take two places, marks none. */
function asSpace(text: string): string {
  return text.replaceAll(/\p{Mark}|\u200d/gu, "").replaceAll(/[^\t]/gu, (c) => (WIDE.test(c) ? "  " : " "));
}

const WIDE = /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u;
