import type { GuestRequest, GuestResponse } from "./protocol.ts";

const { Request, Response, Uint8Array, Object, Promise } = globalThis;
const NO_BODY = new Set([101, 204, 205, 304]);

/** Gives the code a `fetch` that asks the host. The isolate itself has no network; what else would use one is refused. */
export function installFetch(ask: (request: GuestRequest) => Promise<GuestResponse>): void {
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input instanceof URL ? input.href : input, init);
    const { url, method, signal } = request;
    const body = request.body ? new Uint8Array(await request.arrayBuffer()) : undefined;
    const redirect = request.redirect === "manual" ? "manual" : "follow";
    signal?.throwIfAborted();
    const asked = ask({ url, method, headers: [...request.headers], body, redirect });
    const answer = await (signal ? orAborted(asked, signal) : asked);
    const { status, headers } = answer;
    const response = new Response(NO_BODY.has(status) ? null : answer.body, { status, headers });
    // Which a Response that code makes cannot say of itself.
    return Object.defineProperties(response, { url: { value: answer.url }, redirected: { value: answer.redirected } });
  };
  Object.defineProperty(globalThis, "fetch", { value: fetch, writable: true, configurable: true, enumerable: true });
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
