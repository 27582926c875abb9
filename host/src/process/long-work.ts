/** Processes that serve many, one after the other, and give way to the rest of the machine while one of those takes long. */
import type { Accounting } from "./accounting.ts";

export interface Served {
  readonly pid: number | undefined;
  /** Settles when it has answered: when what it works at is done. */
  ask(path: string, timeoutMs: number): Promise<void>;
}

export interface LongWorkOptions {
  readonly accounting: Accounting;
  /** `nice` 0 takes back what was given up. */
  readonly giveWay: (pid: number, nice: number) => void;
}

export const LONG_WORK = {
  everyMs: 100,
  /** CPU time between two looks from which it is worth asking whether it is still at the same. */
  busyMs: 20,
  nice: 5,
  mostMs: 60_000,
} as const;

interface Seen {
  readonly pid: number;
  cpuMs: number;
  isAsked: boolean;
  isNice: boolean;
}

/**
 * A statement without end has a core to itself, which everybody's code waits for, until the time of its caller is up. A
 * process that has worked, and has not answered from one look to the next, is at one; it has its priority back when it answers.
 */
export class LongWork {
  readonly #served: readonly Served[];
  readonly #options: LongWorkOptions;
  readonly #seen = new Map<Served, Seen>();

  constructor(served: readonly Served[], options: LongWorkOptions) {
    this.#served = served;
    this.#options = options;
  }

  /** One look at each, every `LONG_WORK.everyMs`. */
  look(): void {
    for (const served of this.#served) this.#lookAt(served);
  }

  #lookAt(served: Served): void {
    const { pid } = served;
    const usage = pid === undefined ? undefined : this.#options.accounting.usage(pid);
    if (pid === undefined || !usage) return void this.#seen.delete(served);
    const seen = this.#seen.get(served);
    // One that has taken the place of another begins anew, with its priority.
    if (seen?.pid !== pid) return void this.#seen.set(served, { pid, cpuMs: usage.cpuMs, isAsked: false, isNice: false });
    const usedMs = usage.cpuMs - seen.cpuMs;
    seen.cpuMs = usage.cpuMs;
    if (seen.isAsked) this.#set(seen, usedMs > 0 || seen.isNice);
    else if (usedMs >= LONG_WORK.busyMs) void this.#ask(served, seen);
  }

  async #ask(served: Served, seen: Seen): Promise<void> {
    seen.isAsked = true;
    // What does not answer for so long is ended by others.
    await served.ask("/health", LONG_WORK.mostMs).catch(() => undefined);
    seen.isAsked = false;
    if (served.pid === seen.pid) this.#set(seen, false);
  }

  #set(seen: Seen, isNice: boolean): void {
    if (seen.isNice === isNice) return;
    seen.isNice = isNice;
    try {
      this.#options.giveWay(seen.pid, isNice ? LONG_WORK.nice : 0);
    } catch {
      // It has just ended.
    }
  }
}
