import { DoError } from "../../../sdk/src/errors.ts";

/** What a service binding has. */
export interface WayOut {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

export interface GuardedFetchOptions {
  /** The way out: a network that has public addresses only. */
  readonly egress: WayOut;
  /** Origins on this machine that may be asked without https; for tests, by configuration alone. */
  readonly loopbackOrigins: readonly string[];
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/**
 * Gets a document that somebody else names: https to a name and not to an address, no redirect, a size and a time. That a
 * name does not lead to a private address is for the network of `egress` to see.
 * @throws DoError INVALID_ARGUMENT for a URL that is not asked; UPSTREAM, UNAVAILABLE
 */
export async function guardedFetch(url: string, options: GuardedFetchOptions): Promise<string> {
  checkUrl(url, options.loopbackOrigins);
  const { egress, maxBytes, timeoutMs } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await egress.fetch(url, { redirect: "manual", signal, headers: { accept: "application/json" } });
  } catch {
    throw unreachable("it did not answer");
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    throw unreachable(`it answered ${response.status}`);
  }
  return readText(response, maxBytes);
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) throw unreachable(`it is more than ${maxBytes} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    throw error instanceof DoError ? error : unreachable("it broke off");
  }
}

/** @throws DoError INVALID_ARGUMENT */
export function checkUrl(text: string, loopbackOrigins: readonly string[]): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && loopbackOrigins.includes(url.origin)) return;
  const isName = url !== undefined && /[a-z]/i.test(url.hostname.split(".").at(-1) ?? "") && !url.hostname.startsWith("[");
  const isPublic = isName && url.hostname.includes(".") && !/(?:^|\.)(?:localhost|local|internal|home\.arpa)$/i.test(url.hostname);
  if (url?.protocol === "https:" && isPublic && url.username === "" && url.password === "" && (url.port === "" || url.port === "443"))
    return;
  throw new DoError("INVALID_ARGUMENT", "The URL must be https, with a public name and no port, user or address", {
    reason: "URL_NOT_ALLOWED",
  });
}

function unreachable(why: string): DoError {
  return new DoError("UNAVAILABLE", `Cannot get the document: ${why}`, { reason: "UNREACHABLE", retryAfterMs: 1_000 });
}
