/** Tells a crash from a crash loop. */
import { Refusal } from "./pool/lease.ts";

const LOOP_CRASHES = 5;
const LOOP_MS = 30_000;

export class Crashes {
  readonly #now: () => number;
  readonly #byProcess = new Map<string, { atMs: number[]; why: string }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns whether `process` is in a loop by now */
  note(process: string, why: string): boolean {
    const atMs = [...this.#recent(process), this.#now()].slice(-LOOP_CRASHES);
    this.#byProcess.set(process, { atMs, why });
    return atMs.length === LOOP_CRASHES;
  }

  /** @throws Refusal naming the first that is in a loop */
  check(): void {
    for (const [process, { why }] of this.#byProcess) {
      if (this.#recent(process).length < LOOP_CRASHES) continue;
      throw new Refusal("UNAVAILABLE", "CRASH_LOOP", `${process} has ended ${LOOP_CRASHES} times in ${LOOP_MS} ms; last: ${why}`, LOOP_MS);
    }
  }

  #recent(process: string): number[] {
    const since = this.#now() - LOOP_MS;
    return (this.#byProcess.get(process)?.atMs ?? []).filter((atMs) => atMs > since);
  }
}
