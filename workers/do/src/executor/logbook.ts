import type { LogEntry } from "../../../../sdk/src/types.ts";
import { byteLength } from "../../../core-services/shared/hash.ts";
import { GuestLogs } from "./envelope.ts";

const MAX_ENTRIES = 10_000;

/** The logs of one execution, as the host counts them. */
export class Logbook {
  readonly entries: LogEntry[] = [];
  bytes = 0;
  truncated = false;
  readonly #maxBytes: number;
  readonly #elapsedMs: () => number;
  readonly #onEntry: (entry: LogEntry) => void;

  constructor(maxBytes: number, elapsedMs: () => number, onEntry: (entry: LogEntry) => void) {
    this.#maxBytes = maxBytes;
    this.#elapsedMs = elapsedMs;
    this.#onEntry = onEntry;
  }

  /** Takes what the isolate sent. What is no log is dropped, what does not fit is cut. */
  add(sent: unknown): void {
    if (this.truncated) return;
    const batch = GuestLogs.safeParse(sent);
    if (!batch.success) return;
    const atMs = this.#elapsedMs();
    for (const { level, message } of batch.data) {
      const bytes = byteLength(message);
      const room = this.#maxBytes - this.bytes;
      if (bytes > room || this.entries.length === MAX_ENTRIES) this.truncated = true;
      // Cutting at characters may leave fewer bytes than fit, never more.
      const kept = bytes > room ? cutToBytes(message, room) : message;
      if (kept !== "" || bytes === 0) this.#push({ level, message: kept, atMs });
      if (this.truncated) return;
    }
  }

  #push(entry: LogEntry): void {
    this.entries.push(entry);
    this.bytes += byteLength(entry.message);
    this.#onEntry(entry);
  }
}

function cutToBytes(text: string, maxBytes: number): string {
  const cut = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, maxBytes));
  return cut.replace(/\uFFFD$/, "");
}
