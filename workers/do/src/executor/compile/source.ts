/** A line that opens or closes a Markdown fence: three or more backticks or tildes. */
const FENCE = /^[ \t]{0,3}(`{3,}|~{3,})/;

/**
 * Takes off what is not code but comes with it (a byte order mark, a hashbang, a Markdown fence around the whole),
 * replacing it by spaces: positions stay those of the text that was sent.
 */
export function cleanSource(text: string): string {
  const noMark = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  const noFence = dropFence(noMark);
  return noFence.replace(/^ ?#![^\n]*/, blank);
}

/** Line by line, because one expression over a megabyte of somebody's spaces would be a way to stop the thread. */
function dropFence(text: string): string {
  const start = text.length - text.trimStart().length;
  const openingAt = text.lastIndexOf("\n", start) + 1;
  const openingEnd = text.indexOf("\n", openingAt);
  const opening = FENCE.exec(text.slice(openingAt, openingEnd))?.[1];
  if (openingEnd === -1 || opening === undefined) return text;
  const codeAt = openingEnd + 1;
  const closingAt = text.trimEnd().lastIndexOf("\n") + 1;
  const closing = FENCE.exec(text.slice(closingAt))?.[1];
  const isClosed = closingAt >= codeAt && closing !== undefined && closing.startsWith(opening) && text.slice(closingAt).trim() === closing;
  const codeEnd = isClosed ? closingAt : text.length;
  return blank(text.slice(0, codeAt)) + text.slice(codeAt, codeEnd) + blank(text.slice(codeEnd));
}

/** The same text with each character but line ends a space. */
export function blank(text: string): string {
  return text.replaceAll(/[^\r\n\u2028\u2029]/g, " ");
}
