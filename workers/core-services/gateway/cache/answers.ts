import { joined } from "../egress/body.ts";
import { hasNoBody, type RoutedRequest } from "../routes/targets.ts";
import { ageSeconds, isUnchanged } from "./policy.ts";
import type { StoredAnswer } from "./response-cache.ts";

/** Answers on their way into what is kept, and out of it. */

/** A kept answer for a caller: its age said; without a body for who has it, and for HEAD. */
export function fromStored(stored: StoredAnswer, request: RoutedRequest, nowMs: number): Response {
  const headers = new Headers(stored.headers.map(([name, value]): [string, string] => [name, value]));
  headers.delete("cache-tag");
  headers.set("age", String(Math.floor(ageSeconds(stored, nowMs))));
  const unchanged = stored.status === 200 && isUnchanged(request.headers, headers);
  const status = unchanged ? 304 : stored.status;
  return new Response(request.method === "HEAD" || hasNoBody(status) ? null : stored.body, { status, headers });
}

export function withoutTags(answer: Response): Response {
  const headers = new Headers(answer.headers);
  headers.delete("cache-tag");
  return new Response(answer.body, { status: answer.status, headers });
}

export function tagsOf(headers: Headers): string[] {
  return (headers.get("cache-tag") ?? "")
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "" && tag.length <= 128);
}

/** All of a body, or, where it is more than that, a stream that begins anew. */
export async function readUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<{ bytes: Uint8Array } | { rest: ReadableStream }> {
  if (!body) return { bytes: new Uint8Array() };
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; size <= maxBytes;) {
    // oxlint-disable-next-line no-await-in-loop -- a stream is read in order
    const { done, value } = await reader.read();
    if (done) return { bytes: joined(chunks) };
    chunks.push(value);
    size += value.byteLength;
  }
  const rest = new ReadableStream({
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const next = chunks.shift() ?? (await reader.read()).value;
      if (next) controller.enqueue(next);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { rest };
}
