import type { GuestLog } from "./console.ts";
import { MAX_LOG_ENTRIES, type GuestHost, type LogBatch } from "./protocol.ts";

/**
 * Sends what the code logs to the host, in batches of one turn, as it happens. A batch is kept until the host has it:
 * code that never lets go of the thread never lets it go out, and the guard takes it along. The host counts again.
 */
export class Logs {
  readonly #host: Pick<GuestHost, "log">;
  readonly #mirror: ((line: string) => void) | undefined;
  #room: number;
  #entriesLeft = MAX_LOG_ENTRIES + 1;
  #kept: GuestLog[] = [];
  /** Index of the first kept log, in all that were logged. */
  #from = 0;
  #sent = 0;
  #sending: Promise<void> = Promise.resolve();

  /** @param mirror gets each log at once, in words of `level message` */
  constructor(host: Pick<GuestHost, "log">, maxBytes: number, mirror: ((line: string) => void) | undefined) {
    this.#host = host;
    this.#mirror = mirror;
    // One over each limit is let through, so that the host sees that there was more.
    this.#room = maxBytes + 1;
  }

  add({ level, message }: GuestLog): void {
    if (this.#room <= 0 || this.#entriesLeft-- <= 0) return;
    if (this.#sent === this.#kept.length) queueMicrotask(() => void this.flush());
    const kept = message.slice(0, this.#room);
    this.#kept.push({ level, message: kept });
    this.#room -= message.length;
    this.#mirror?.(`${level} ${kept}`);
  }

  /** What the host may not have yet. */
  unacknowledged(): LogBatch {
    return { from: this.#from, entries: this.#kept };
  }

  /** Settles when the host has all that was added; never rejects, for logs must not fail a run. */
  flush(): Promise<void> {
    const entries = this.#kept.slice(this.#sent);
    if (entries.length > 0) {
      const sending = this.#host.log({ from: this.#from + this.#sent, entries });
      this.#sent = this.#kept.length;
      this.#sending = this.#sending.then(() => this.#acknowledge(sending, entries.length)).catch(() => {});
    }
    return this.#sending;
  }

  async #acknowledge(sending: Promise<void>, count: number): Promise<void> {
    await sending;
    this.#kept = this.#kept.slice(count);
    this.#from += count;
    this.#sent -= count;
  }
}
