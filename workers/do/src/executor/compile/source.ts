/** A fence line that opens a block: three or more backticks or tildes, perhaps with a language. */
const OPENING = /^[ \t]*(`{3,}|~{3,})[^\n`]*\n/;

/**
 * Takes off what is not code but comes with it (a byte order mark, a hashbang, a Markdown fence around the whole),
 * replacing it by spaces: positions stay those of the text that was sent.
 */
export function cleanSource(text: string): string {
  const noMark = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  const noFence = dropFence(noMark);
  return noFence.replace(/^ ?#![^\n]*/, blank);
}

function dropFence(text: string): string {
  const lead = /^\s*?(?=[ \t]*(?:`{3}|~{3}))/.exec(text)?.[0] ?? "";
  const opening = OPENING.exec(text.slice(lead.length));
  if (!opening?.[1]) return text;
  const start = lead.length + opening[0].length;
  const closing = new RegExp(`\\n[ \\t]*${opening[1][0] ?? ""}{${opening[1].length},}[ \\t]*\\s*$`).exec(text.slice(start - 1));
  const end = closing ? start - 1 + closing.index : text.length;
  return blank(text.slice(0, start)) + text.slice(start, end) + blank(text.slice(end));
}

/** The same text with each character but line ends a space. */
export function blank(text: string): string {
  return text.replaceAll(/[^\r\n\u2028\u2029]/g, " ");
}
