import { newId } from "../shared/ids.ts";

/**
 * Ids whose order is the order in which they were made, also within a millisecond: runs of a task start in that order.
 * @see https://github.com/ulid/spec#monotonicity
 */
export class OrderedIds {
  #ms = 0;
  #random = new Uint8Array(10);

  next(prefix: string, nowMs: number): string {
    if (nowMs > this.#ms) {
      this.#ms = nowMs;
      this.#random = crypto.getRandomValues(new Uint8Array(10));
      // So that counting up does not run over.
      this.#random[0] = (this.#random[0] ?? 0) & 0x7f;
    } else this.#countUp();
    return newId(prefix, this.#ms, this.#random);
  }

  #countUp(): void {
    for (let i = this.#random.length - 1; i >= 0; i--) {
      const next = (this.#random[i] ?? 0) + 1;
      this.#random[i] = next;
      if (next < 256) return;
    }
  }
}
