import type { GuestLog } from "./console.ts";
import type { GuestHost } from "./protocol.ts";

/** Sends what the code logs to the host, in batches of one turn, as it happens. The host counts again. */
export class Logs {
  readonly #host: GuestHost;
  #room: number;
  #waiting: GuestLog[] = [];
  #sent: Promise<void> = Promise.resolve();

  constructor(host: GuestHost, maxBytes: number) {
    this.#host = host;
    // One over the limit is let through, so that the host sees that there was more.
    this.#room = maxBytes + 1;
  }

  add({ level, message }: GuestLog): void {
    if (this.#room <= 0) return;
    if (this.#waiting.length === 0) queueMicrotask(() => void this.flush());
    const kept = message.slice(0, this.#room);
    this.#room -= message.length + 1;
    this.#waiting.push({ level, message: kept });
  }

  unsent(): GuestLog[] {
    return this.#waiting;
  }

  /** Settles when the host has all that was added; never rejects, for logs must not fail a run. */
  flush(): Promise<void> {
    if (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const sending = this.#host.log(batch);
      this.#sent = this.#sent.then(() => sending).catch(() => {});
    }
    return this.#sent;
  }
}
