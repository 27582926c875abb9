import { DoError } from "../../../../sdk/src/errors.ts";
import { bounded, readAll } from "../egress/body.ts";
import { hasNoBody, type RoutedRequest } from "./targets.ts";

/** Of an answer on a route that must be JSON: it is read whole before any of it is passed on. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;

/**
 * The answer, if it is JSON: by its type, and by what it holds. Anything else (HTML, nothing, half of it, text that is none)
 * is thrown, so that the caller gets a fallback or a problem instead.
 * @throws DoError UPSTREAM `NOT_JSON`, TIMEOUT, TOO_LARGE
 */
export async function mustBeJson(response: Response, { method, headers: asked }: RoutedRequest, signal: AbortSignal): Promise<Response> {
  // Who asked whether it has changed has JSON.
  if (response.status === 304 && (asked.has("if-none-match") || asked.has("if-modified-since"))) return response;
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    await response.body?.cancel();
    throw notJson(response.status, type === "" ? "no content-type" : type.slice(0, 64));
  }
  // Of a HEAD there is nothing but its head.
  if (method === "HEAD") return new Response(null, { status: response.status, headers: response.headers });
  if (hasNoBody(response.status)) throw notJson(response.status, "no body");
  const text = await textOf(response, signal);
  try {
    JSON.parse(text);
  } catch {
    throw notJson(response.status, text.trim() === "" ? "an empty body" : "text that does not parse");
  }
  const headers = new Headers(response.headers);
  // What browsers and clients make of it must not depend on what else the target says of it.
  headers.set("content-type", type);
  headers.delete("content-disposition");
  return new Response(text, { status: response.status, headers });
}

async function textOf(response: Response, signal: AbortSignal): Promise<string> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener(
      "abort",
      () => reject(new DoError("TIMEOUT", "The target did not answer in time", { reason: "TARGET_TIMEOUT" })),
      { once: true },
    );
  });
  const bytes = await Promise.race([readAll(response.body && bounded(response.body, MAX_JSON_BYTES, signal)), aborted]);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw notJson(response.status, "text that is not UTF-8");
  }
}

function notJson(status: number, got: string): DoError {
  return new DoError("UPSTREAM", `The target answered ${status} with ${got}, and this route answers JSON only`, {
    reason: "NOT_JSON",
    details: { status },
  });
}
