/** The way to the front: one connection for each request, so that no answer can be taken for another's. */
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { unavailable } from "./refusal.ts";

export type UpstreamAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Where the front is now. It may wait while there is none; it rejects when there will be none. */
export type Upstream = () => Promise<UpstreamAddress>;

const RETRY_MS = 20;

/**
 * A connection on which nothing was sent: until there is one, any request can wait, whatever its method.
 * @throws Refusal 503 when there is none within `waitMs`, or the signal's reason
 */
export async function connectUpstream(upstream: Upstream, waitMs: number, signal: AbortSignal): Promise<Socket> {
  const patience = new AbortController();
  const giveUp = () => patience.abort();
  const timer = setTimeout(giveUp, waitMs);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    signal.throwIfAborted();
    return await connectWithin(upstream, patience.signal);
  } catch {
    signal.throwIfAborted();
    throw unavailable("FRONT_UNAVAILABLE", "do is not there at the moment; nothing was done");
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

async function connectWithin(upstream: Upstream, patience: AbortSignal): Promise<Socket> {
  for (;;) {
    const address = await unlessAborted(upstream(), patience);
    try {
      return await connectOnce(address, patience);
    } catch {
      // Not there yet, or more callers at once than its queue holds.
      await delay(RETRY_MS, undefined, { signal: patience });
    }
  }
}

function connectOnce(address: UpstreamAddress, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect("socketPath" in address ? { path: address.socketPath } : { host: address.host, port: address.port });
    const abort = () => socket.destroy(new Error("not in time"));
    const settle = (end: () => void) => {
      signal.removeEventListener("abort", abort);
      end();
    };
    signal.addEventListener("abort", abort);
    const fail = (error: Error) => settle(() => reject(error));
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.removeListener("error", fail);
      settle(() => resolve(socket.setNoDelay()));
    });
  });
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Error("not in time"));
    signal.addEventListener("abort", abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
