/** Bytes from one side to the other, no faster than they are taken; whoever takes none for too long is found by `isStalled`. */
import type { Readable, Writable } from "node:stream";

export class Flow {
  #stalledSinceMs: number | undefined;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Writes; when `to` is full, `from` waits for it. */
  write(from: Readable, to: Writable, chunk: Buffer): void {
    if (to.write(chunk) || to.destroyed) return;
    this.#stalledSinceMs ??= this.#nowMs();
    from.pause();
    to.once("drain", () => {
      this.#stalledSinceMs = undefined;
      from.resume();
    });
  }

  isStalled(afterMs: number): boolean {
    return this.#stalledSinceMs !== undefined && this.#nowMs() - this.#stalledSinceMs > afterMs;
  }
}
