/** 1-based, as people count. */
export interface Position {
  line: number;
  column: number;
}

interface Insertion {
  at: number;
  text: string;
}

/**
 * Insertions into a text that add no line, and the way back: where a position of the edited text stands in the
 * original. Nothing is parsed for it, so an edit costs what it inserts.
 */
export class Edits {
  readonly #text: string;
  readonly #opening: Insertion[] = [];
  readonly #closing: Insertion[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  insert(at: number, text: string): void {
    this.#opening.push({ at, text });
  }

  /** Puts a range between two texts. A range inside another is wrapped after it. */
  wrap(range: { start: number; end: number }, open: string, close: string): void {
    this.#opening.push({ at: range.start, text: open });
    this.#closing.push({ at: range.end, text: close });
  }

  apply(): Edited {
    // At one offset, what ends there ends first, the innermost first; sorting is stable.
    const sorted = [...this.#closing.toReversed(), ...this.#opening].toSorted((a, b) => a.at - b.at);
    let out = "";
    let from = 0;
    for (const { at, text } of sorted) {
      out += this.#text.slice(from, at) + text;
      from = at;
    }
    return new Edited(this.#text, out + this.#text.slice(from), sorted);
  }
}

/** A text after its edits. */
export class Edited {
  readonly text: string;
  readonly #original: string;
  readonly #insertions: readonly Insertion[];

  constructor(original: string, text: string, insertions: readonly Insertion[]) {
    this.#original = original;
    this.text = text;
    this.#insertions = insertions;
  }

  /** The position in the original text of one in the edited text. */
  originalOf(position: Position): Position {
    const start = lineStart(this.#original, position.line);
    const lineEnd = this.#original.indexOf("\n", start);
    let column = position.column - 1;
    for (const { at, text } of this.#insertions) {
      if (at < start) continue;
      const before = at - start;
      if (before > column || (lineEnd !== -1 && at > lineEnd)) break;
      column = Math.max(before, column - text.length);
    }
    return { line: position.line, column: column + 1 };
  }
}

/** The offset at which a 1-based line starts; the end of the text when it has fewer. */
function lineStart(text: string, line: number): number {
  let at = 0;
  for (let n = 1; n < line; n++) {
    const next = text.indexOf("\n", at);
    if (next === -1) return text.length;
    at = next + 1;
  }
  return at;
}

/** The 1-based position of an offset. */
export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf("\n");
  return { line: before.split("\n").length, column: offset - lastBreak };
}
