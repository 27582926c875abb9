import { TAIL_LIMITS } from "./limits.ts";
import type { EventName, Noted } from "./engine/core.ts";

export interface FollowedEvent extends Noted {
  readonly event: EventName;
  readonly atMs: number;
}

interface Followed {
  readonly events: FollowedEvent[];
  /** Number of the first that is kept. */
  first: number;
  untilMs: number;
}

const MINUTE_MS = 60_000;

/** What happens in queues that somebody follows, and how much happened in the last minute. In memory: it is not worth a write. */
export class Following {
  readonly #queues = new Map<string, Followed>();
  readonly #rates = new Map<string, number[]>();

  /** Whether somebody may wait for it. */
  note(queue: string, event: EventName, noted: readonly Noted[], nowMs: number): boolean {
    this.#count(queue, event, noted.length, nowMs);
    const followed = this.#queues.get(queue);
    if (!followed) return false;
    if (followed.untilMs < nowMs) return !this.#queues.delete(queue);
    for (const { id, attempts, detail } of noted) {
      followed.events.push({
        atMs: nowMs,
        event,
        ...(id === undefined ? {} : { id }),
        // Of one that was only sent there is none.
        ...(attempts === undefined || attempts === 0 ? {} : { attempts }),
        ...(detail === undefined ? {} : { detail }),
      });
    }
    if (followed.events.length > TAIL_LIMITS.events) {
      followed.first += followed.events.splice(0, followed.events.length - TAIL_LIMITS.events / 2).length;
    }
    return true;
  }

  /** Those after the cursor; without one, or with one of before a restart, from now on. */
  read(queue: string, cursor: number | undefined, nowMs: number): { events: FollowedEvent[]; cursor: number } {
    const followed = this.#queues.get(queue) ?? { events: [], first: nowMs, untilMs: 0 };
    followed.untilMs = nowMs + TAIL_LIMITS.followedMs;
    this.#queues.set(queue, followed);
    const end = followed.first + followed.events.length;
    const from = cursor === undefined || cursor > end ? end : Math.max(cursor, followed.first);
    return { events: followed.events.slice(from - followed.first), cursor: end };
  }

  forget(queue: string): void {
    this.#queues.delete(queue);
    for (const key of this.#rates.keys()) if (key.startsWith(`${queue} `)) this.#rates.delete(key);
  }

  /** In the last minute, as far as this object has lived so long. */
  perMinute(queue: string, event: EventName, nowMs: number): number {
    const second = Math.floor(nowMs / 1_000);
    const counts = this.#rates.get(`${queue} ${event}`) ?? [];
    return counts.reduce((sum, n, i) => (i % 2 === 1 && (counts[i - 1] ?? 0) > second - MINUTE_MS / 1_000 ? sum + n : sum), 0);
  }

  /** Pairs of a second and a count, a minute of them. */
  #count(queue: string, event: EventName, n: number, nowMs: number): void {
    const key = `${queue} ${event}`;
    const second = Math.floor(nowMs / 1_000);
    const counts = this.#rates.get(key) ?? [];
    if (counts.at(-2) === second) counts[counts.length - 1] = (counts.at(-1) ?? 0) + n;
    else counts.push(second, n);
    if (counts.length > 2 * (MINUTE_MS / 1_000)) counts.splice(0, 2);
    this.#rates.set(key, counts);
  }
}
