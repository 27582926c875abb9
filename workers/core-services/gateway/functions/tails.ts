import type { LogEntry } from "../../../../sdk/src/types.ts";

/** One call of a function, for who watches. */
export interface TailEvent {
  executionId: string;
  version: string;
  /** `invoke`, `add()`, `GET /path`. */
  call: string;
  outcome: string;
  startedAt: string;
  wallMs: number;
  logs: LogEntry[];
  error?: { name: string; message: string };
}

interface Watched {
  events: { at: number; event: TailEvent }[];
  next: number;
  untilMs: number;
  wake: (() => void)[];
}

const KEPT_EVENTS = 200;
/** Who has not asked for so long watches no more. */
const WATCHED_MS = 60_000;
const MAX_WATCHED = 100;

/** The last calls of those functions that somebody watches; in memory, for it is of this moment. */
export class Tails {
  readonly #watched = new Map<string, Watched>();

  isWatched(name: string): boolean {
    const watched = this.#watched.get(name);
    return watched !== undefined && watched.untilMs > Date.now();
  }

  add(name: string, event: TailEvent): void {
    const watched = this.#watched.get(name);
    if (!watched) return;
    watched.events.push({ at: watched.next++, event });
    if (watched.events.length > KEPT_EVENTS) watched.events.shift();
    for (const wake of watched.wake.splice(0)) wake();
  }

  /** Events from `since` on (0: from now on), as soon as there is one; none when the wait is over. */
  async next(name: string, since: number, waitMs: number): Promise<{ events: TailEvent[]; next: number }> {
    const watched = this.#watched.get(name) ?? { events: [], next: 1, untilMs: 0, wake: [] };
    this.#watched.delete(name);
    this.#watched.set(name, watched);
    watched.untilMs = Date.now() + waitMs + WATCHED_MS;
    for (const oldest of this.#watched.keys()) if (this.#watched.size > MAX_WATCHED) this.#watched.delete(oldest);
    if (since > 0 && watched.next <= since && waitMs > 0) {
      await new Promise<void>((resolve) => {
        watched.wake.push(resolve);
        setTimeout(resolve, waitMs);
      });
    }
    const from = since === 0 ? watched.next : since;
    return { events: watched.events.filter(({ at }) => at >= from).map(({ event }) => event), next: watched.next };
  }
}
