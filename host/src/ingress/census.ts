/** How many connections there are, in all and from each peer. */
import { isIPv6 } from "node:net";
import type { IngressLimits } from "./limits.ts";
import { Refusal } from "./refusal.ts";

export class Census {
  readonly #limits: IngressLimits;
  readonly #ofPeer = new Map<string, number>();
  #all = 0;

  constructor(limits: IngressLimits) {
    this.#limits = limits;
  }

  /** Counts a connection in; `leave` counts it out. A refused one counts too: it is there until it has closed. */
  enter(address: string): Refusal | undefined {
    const peer = peerOf(address);
    const ofPeer = (this.#ofPeer.get(peer) ?? 0) + 1;
    this.#ofPeer.set(peer, ofPeer);
    this.#all += 1;
    const { connections, connectionsPerPeer } = this.#limits;
    if (this.#all > connections) return tooMany(`There are ${connections} connections, which is the most`);
    if (ofPeer > connectionsPerPeer && !isLoopback(address))
      return tooMany(`At most ${connectionsPerPeer} connections may come from one address`);
    return undefined;
  }

  leave(address: string): void {
    const peer = peerOf(address);
    const left = (this.#ofPeer.get(peer) ?? 1) - 1;
    if (left > 0) this.#ofPeer.set(peer, left);
    else this.#ofPeer.delete(peer);
    this.#all -= 1;
  }
}

function tooMany(message: string): Refusal {
  return new Refusal(503, "UNAVAILABLE", "TOO_MANY_CONNECTIONS", message, { retryAfterMs: 1_000 });
}

/** A caller with IPv6 has a network of addresses: the first four groups of eight. */
export function peerOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
