import type { LogEntry } from "../../../../sdk/src/types.ts";
import { byteLength } from "../../../core-services/shared/hash.ts";
import { GuestLogs } from "./envelope.ts";
import { MAX_LOG_ENTRIES } from "./guest/protocol.ts";

/** The logs of one execution, as the host counts them. */
export class Logbook {
  readonly entries: LogEntry[] = [];
  bytes = 0;
  truncated = false;
  #received = 0;
  readonly #maxBytes: number;
  readonly #elapsedMs: () => number;
  readonly #onEntry: (entry: LogEntry) => void;

  constructor(maxBytes: number, elapsedMs: () => number, onEntry: (entry: LogEntry) => void) {
    this.#maxBytes = maxBytes;
    this.#elapsedMs = elapsedMs;
    this.#onEntry = onEntry;
  }

  /** Takes what the isolate sent. What is no log is dropped, what came before is not taken again, what does not fit is cut. */
  add(sent: unknown): void {
    const batch = GuestLogs.safeParse(sent);
    if (!batch.success || this.truncated) return;
    const atMs = this.#elapsedMs();
    const { from, entries } = batch.data;
    for (const { level, message } of entries.slice(Math.max(0, this.#received - from))) {
      this.#received++;
      const room = this.#maxBytes - this.bytes;
      const bytes = byteLength(message);
      this.truncated = bytes > room || this.entries.length === MAX_LOG_ENTRIES;
      if (this.entries.length < MAX_LOG_ENTRIES) this.#push({ level, message: bytes > room ? cutToBytes(message, room) : message, atMs });
      if (this.truncated) return;
    }
  }

  /** Forgets all: the run is lost and begins again. */
  restart(): void {
    this.entries.length = 0;
    this.bytes = 0;
    this.truncated = false;
    this.#received = 0;
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
