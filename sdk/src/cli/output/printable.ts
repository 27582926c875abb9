/** Strings of others, made harmless: what code prints, returns or throws must not drive the terminal that shows it. */

// Each alternative takes whatever it has read, so the time is linear in the text, however it was made.
const SEQUENCES =
  // oxlint-disable-next-line no-control-regex -- what controls a terminal is what it is about
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
const LINE_ENDS = /\r\n?/g;
// oxlint-disable-next-line no-control-regex -- as above
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
/** They reorder what a person reads, so that it says something else than it is. */
const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

/** The text without escape sequences and control characters; line ends and tabs stay. */
export function printable(text: string): string {
  return text.replaceAll(SEQUENCES, "").replaceAll(LINE_ENDS, "\n").replaceAll(CONTROLS, "").replaceAll(BIDI_CONTROLS, "");
}

/** The same on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, " ").trim();
}
