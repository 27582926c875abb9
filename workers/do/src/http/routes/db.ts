import { Hono } from "hono";
import { linesOf, parseLine } from "../../../../core-services/db/streams/lines.ts";
import { DoError, publicError, toProblem } from "../../errors.ts";
import { Session } from "../../session.ts";
import type { HttpEnv } from "../env.ts";

/** Proxies close what is silent. */
const KEEP_ALIVE_MS = 15_000;

/** What of db is a stream: its own routes, because JSON is none. */
export const db = new Hono<HttpEnv>()
  .get("/db/export", async (c) => {
    const { collections, format, ...rest } = c.req.query();
    refuseOthers(rest, "collections, format");
    const options = {
      ...(collections === undefined ? {} : { collections: collections.split(",") }),
      ...(format === undefined ? {} : { format }),
    };
    const stream = await streamed(c.var.caller, "export", [options]);
    return c.body(stream, 200, {
      "content-type": format === "sql" ? "application/sql" : "application/x-ndjson",
      "cache-control": "no-store",
    });
  })
  .get("/db/backup", async (c) =>
    c.body(await streamed(c.var.caller, "backup", []), 200, { "content-type": "application/x-ndjson", "cache-control": "no-store" }),
  )
  .post("/db/import", async (c) => {
    const { mode, collection, idField, ...rest } = c.req.query();
    refuseOthers(rest, "mode, collection, idField");
    const options = Object.fromEntries(Object.entries({ mode, collection, idField }).filter(([, value]) => value !== undefined));
    return c.json({ result: await Session.invoke(c.var.caller, "db", "import", [bodyOf(c.req.raw), options]) });
  })
  .post("/db/restore", async (c) => c.json({ result: await Session.invoke(c.var.caller, "db", "restore", [bodyOf(c.req.raw)]) }))
  .get("/db/watch/:collection", async (c) => {
    const { since, where, id, ...rest } = c.req.query();
    refuseOthers(rest, "since, where, id");
    // A browser that connects again says where it was.
    const from = c.req.header("last-event-id") ?? since;
    const options = {
      ...(from === undefined ? {} : { since: from }),
      ...(where === undefined ? {} : { where: parseWhere(where) }),
      ...(id === undefined ? {} : { id }),
    };
    const isSocket = c.req.header("upgrade")?.toLowerCase() === "websocket";
    const stream = await streamed(c.var.caller, "watch", [c.req.param("collection"), options]);
    if (/\bapplication\/x-ndjson\b/.test(c.req.header("accept") ?? "")) {
      return c.body(stream, 200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    }
    return isSocket ? socketOf(stream, c.env.requestId) : eventsOf(stream, c.env.requestId);
  });

async function streamed(caller: Session, method: string, params: unknown[]): Promise<ReadableStream<Uint8Array>> {
  return (await Session.invoke(caller, "db", method, params)) as ReadableStream<Uint8Array>;
}

/** Each change as an event, with its cursor as id. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
function eventsOf(stream: ReadableStream<Uint8Array>, requestId: string): Response {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const send = (text: string) => writer.write(encoder.encode(text));
  const keepAlive = setInterval(() => void send(": still here\n\n").catch(() => {}), KEEP_ALIVE_MS);
  void (async () => {
    try {
      await send(": watching\n\n");
      for await (const { n, text } of linesOf(stream)) await send(`id: ${cursorOf(n, text)}\nevent: change\ndata: ${text}\n\n`);
    } catch (error) {
      await send(`event: error\ndata: ${problemText(error, requestId)}\n\n`).catch(() => {});
    } finally {
      clearInterval(keepAlive);
      await writer.close().catch(() => {});
    }
  })();
  return new Response(readable, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}

/** Each change as a message; an error as the last one, with the code 1011. */
function socketOf(stream: ReadableStream<Uint8Array>, requestId: string): Response {
  const [client, server] = Object.values(new WebSocketPair());
  if (!client || !server) throw new DoError("INTERNAL", "There is no WebSocket");
  server.accept();
  const lines = linesOf(stream);
  const leave = () => void lines.return();
  server.addEventListener("close", leave);
  server.addEventListener("error", leave);
  void (async () => {
    try {
      for await (const { text } of lines) server.send(text);
    } catch (error) {
      server.send(JSON.stringify({ error: JSON.parse(problemText(error, requestId)) as unknown }));
      server.close(1011, "failed");
    }
  })();
  return new Response(null, { status: 101, webSocket: client });
}

function cursorOf(n: number, text: string): string {
  return (parseLine(n, text) as { cursor: string }).cursor;
}

function problemText(error: unknown, requestId: string): string {
  return JSON.stringify(toProblem(publicError(error, requestId)).body);
}

function bodyOf(request: Request): ReadableStream<Uint8Array> {
  return request.body ?? (new Response("").body as ReadableStream<Uint8Array>);
}

function parseWhere(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new DoError("INVALID_ARGUMENT", "where must be JSON");
  }
}

function refuseOthers(rest: Record<string, string>, known: string): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new DoError("INVALID_ARGUMENT", `There is no parameter "${unknown.slice(0, 64)}"; there are ${known}`);
}
