import type { LogEntry } from "../../../../sdk/src/types.ts";
import { publicError, toProblem } from "../errors.ts";
import { Session } from "../session.ts";

/** Proxies close what is silent. */
const KEEP_ALIVE_MS = 15_000;

/**
 * An execution as server-sent events: `log` for each log as it happens, `result` at the end.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function eventStream(caller: Session, request: unknown, requestId: string): Promise<Response> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  // A reader that has gone away does not stop the execution: DELETE /executions/:id does.
  const send = (text: string) => void writer.write(encoder.encode(text)).catch(() => {});
  const event = (name: string, data: string) => send(`event: ${name}\ndata: ${data}\n\n`);

  const started = Promise.withResolvers<string>();
  const running = Session.executeText(caller, request, {
    sharesId: true,
    started: (id) => started.resolve(id),
    log: (entry: LogEntry) => event("log", JSON.stringify(entry)),
  });
  // Refused, or answered from a key, before anything started: the first is a plain problem.
  const id = await Promise.race([started.promise, running.then(() => "")]);
  const keepAlive = setInterval(() => send(": still running\n\n"), KEEP_ALIVE_MS);
  void finish();
  return new Response(readable, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", ...(id ? { "x-execution-id": id } : {}) },
  });

  async function finish(): Promise<void> {
    try {
      event("result", await running);
    } catch (error) {
      event("error", JSON.stringify(toProblem(publicError(error, requestId)).body));
    } finally {
      clearInterval(keepAlive);
      await writer.close().catch(() => {});
    }
  }
}
