import { DoError } from "../../../sdk/src/errors.ts";
import { DB_LIMITS } from "./limits.ts";

/** What a text takes on its way: a character is one byte, or two as soon as one of them needs two. */
export function wireSize(text: string): number {
  // oxlint-disable-next-line no-control-regex -- every character of one byte
  return /^[\0-\xff]*$/.test(text) ? text.length : 2 * text.length;
}

/** Adds up what an answer holds. */
export class AnswerSize {
  #bytes = 0;

  /** Whether it still fits with this added; what fits alone always does. */
  fits(bytes: number): boolean {
    const isFirst = this.#bytes === 0;
    this.#bytes += bytes;
    return isFirst || this.#bytes <= DB_LIMITS.resultBytes;
  }

  /** @throws DoError TOO_LARGE, for answers that cannot end early */
  demand(bytes: number, what: string): void {
    if (!this.fits(bytes)) throw tooLarge(what);
  }
}

export function tooLarge(what: string): DoError {
  return new DoError(
    "TOO_LARGE",
    `Cannot answer with all ${what}: an answer may have at most ${DB_LIMITS.resultBytes} bytes; ask for less at a time`,
  );
}
