/**
 * Who may be in an object: any number of calls of one version, and those of another only when these have left, in the
 * order in which they came. So a switch of versions breaks no call off.
 */
export class Shift {
  #version: string | undefined;
  #inside = 0;
  #last: Promise<void> = Promise.resolve();
  #onEmpty: (() => void) | undefined;

  /** @returns to be called when the call has left */
  async enter(version: string): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    if (this.#version !== version && this.#inside > 0) await new Promise<void>((empty) => void (this.#onEmpty = empty));
    this.#version = version;
    this.#inside++;
    resolve();
    return () => this.#leave();
  }

  #leave(): void {
    if (--this.#inside > 0) return;
    this.#onEmpty?.();
    this.#onEmpty = undefined;
  }
}
