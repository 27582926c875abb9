/** The body of one request on its way: how much of it came, and whether it comes too slowly. */
import type { IncomingMessage } from "node:http";
import type { Writable } from "node:stream";
import type { IngressLimits } from "./limits.ts";
import { bodyTooLarge, tooSlow, type Refusal } from "./refusal.ts";

/** Counts only the time that the caller takes: while the front does not read, nobody is to blame for it. */
export class BodyMeter {
  readonly #limits: IngressLimits;
  #bytes = 0;
  #countedMs = 0;
  #sinceMs: number | undefined;

  constructor(limits: IngressLimits, nowMs: number) {
    this.#limits = limits;
    this.#sinceMs = nowMs;
  }

  add(bytes: number): Refusal | undefined {
    this.#bytes += bytes;
    return this.#bytes > this.#limits.bodyBytes ? bodyTooLarge(this.#limits.bodyBytes) : undefined;
  }
  pause(nowMs: number): void {
    this.#countedMs = this.#waitedMs(nowMs);
    this.#sinceMs = undefined;
  }
  resume(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  check(nowMs: number): Refusal | undefined {
    const { bodyGraceMs, bodyMs, bodyBytesPerSecond } = this.#limits;
    const waitedMs = this.#waitedMs(nowMs);
    if (waitedMs > bodyMs) return tooSlow(`The body must arrive within ${bodyMs} ms`);
    const due = ((waitedMs - bodyGraceMs) / 1_000) * bodyBytesPerSecond;
    return this.#bytes < due ? tooSlow(`The body must arrive at ${bodyBytesPerSecond} bytes a second, after ${bodyGraceMs} ms`) : undefined;
  }

  #waitedMs(nowMs: number): number {
    return this.#countedMs + (this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs);
  }
}

export interface BodyOptions {
  readonly meter: BodyMeter;
  readonly nowMs: () => number;
  readonly refuse: (refusal: Refusal) => void;
}

/** Sends a body on as it comes, no faster than it is taken. The function that it returns ends that: what still comes is dropped. */
export function sendBody(from: IncomingMessage, to: Writable, { meter, nowMs, refuse }: BodyOptions): () => void {
  const pass = (chunk: Buffer) => {
    const refusal = meter.add(chunk.length);
    if (refusal) return refuse(refusal);
    if (to.write(chunk) || to.destroyed) return;
    from.pause();
    meter.pause(nowMs());
    to.once("drain", () => {
      meter.resume(nowMs());
      from.resume();
    });
  };
  const end = () => to.end();
  from.on("data", pass).once("end", end);
  return () => {
    from.off("data", pass).off("end", end).resume();
    to.destroy();
  };
}
