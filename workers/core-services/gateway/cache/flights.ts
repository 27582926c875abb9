/** Requests that are under way, so that equal ones may wait for their answer. Pure but for its own memory. */

export const FLIGHT_LIMITS = {
  /** Of a tenant. */
  flights: 1_000,
  /** Of one. */
  waiting: 1_000,
  /** After an answer that was for one alone, equal requests are each sent on. */
  unsharedMs: 10_000,
  unshared: 1_000,
} as const;

interface Flight {
  readonly key: string;
  readonly untilMs: number;
  waiting: number;
  readonly landed: PromiseWithResolvers<void>;
}

export type Boarding =
  /** Nobody asks for it yet: who is told this asks, and says when it has landed. */
  | { readonly kind: "lead"; readonly flight: number }
  | { readonly kind: "wait"; readonly landed: Promise<void> }
  /** It is each one's own to ask. */
  | { readonly kind: "alone" };

/** What came of it: others may be given it from what is kept; it was for who asked alone; there was no answer. */
export type Landing = "shared" | "for-one" | "failed";

export class Flights {
  readonly #flights = new Map<number, Flight>();
  readonly #byKey = new Map<string, number>();
  readonly #unshared = new Map<string, number>();
  #next = 1;

  /** @param untilMs when who leads must have its answer: then it is lost, and another one leads */
  board(key: string, untilMs: number, nowMs: number): Boarding {
    if ((this.#unshared.get(key) ?? 0) > nowMs) return { kind: "alone" };
    const under = this.#byKey.get(key);
    const flight = under === undefined ? undefined : this.#flights.get(under);
    if (flight && flight.untilMs > nowMs) {
      if (flight.waiting >= FLIGHT_LIMITS.waiting) return { kind: "alone" };
      flight.waiting++;
      return { kind: "wait", landed: flight.landed.promise };
    }
    if (under !== undefined) this.#end(under);
    if (this.#flights.size >= FLIGHT_LIMITS.flights) this.#forgetLost(nowMs);
    if (this.#flights.size >= FLIGHT_LIMITS.flights) return { kind: "alone" };
    const id = this.#next++;
    this.#flights.set(id, { key, untilMs, waiting: 0, landed: Promise.withResolvers<void>() });
    this.#byKey.set(key, id);
    return { kind: "lead", flight: id };
  }

  /** Who leads has its answer, or none. */
  land(id: number, landing: Landing, nowMs: number): void {
    const flight = this.#flights.get(id);
    if (!flight) return;
    if (landing === "for-one") this.isForOne(flight.key, nowMs);
    this.#end(id);
  }

  /** Waiting for it is worth nothing: for a while nobody does. */
  isForOne(key: string, nowMs: number): void {
    this.#unshared.delete(key);
    this.#unshared.set(key, nowMs + FLIGHT_LIMITS.unsharedMs);
    for (const oldest of this.#unshared.keys()) if (this.#unshared.size > FLIGHT_LIMITS.unshared) this.#unshared.delete(oldest);
  }

  /** What is under way was asked for before something changed: nobody waits for it any more. */
  landAll(): void {
    for (const id of this.#flights.keys()) this.#end(id);
  }

  #forgetLost(nowMs: number): void {
    for (const [id, { untilMs }] of this.#flights) if (untilMs <= nowMs) this.#end(id);
  }

  #end(id: number): void {
    const flight = this.#flights.get(id);
    if (!flight) return;
    this.#flights.delete(id);
    if (this.#byKey.get(flight.key) === id) this.#byKey.delete(flight.key);
    flight.landed.resolve();
  }
}
