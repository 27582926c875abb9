import { newHttpBatchRpcResponse, RpcSession, WebSocketTransport, type RpcSessionOptions, type RpcTransport } from "capnweb";
import { DoError } from "../errors.ts";

/** Deeper messages are Cap'n Web's own to refuse (its limit is 64); this walk must end too. */
const MAX_DEPTH = 100;

/** A batch of messages, one a line, by POST. @throws DoError INVALID_ARGUMENT when it is none */
export async function batchResponse(request: Request, body: Uint8Array, main: object, options: RpcSessionOptions): Promise<Response> {
  for (const line of new TextDecoder().decode(body).split("\n")) if (line.trim() !== "") checkMessage(line);
  try {
    return await newHttpBatchRpcResponse(new Request(request.url, { method: "POST", headers: request.headers, body }), main, options);
  } catch {
    // What a call throws goes into the batch's answer; what arrives here is a batch that is none.
    throw badBatch("one JSON message a line");
  }
}

/** A session over a WebSocket. */
export function webSocketResponse(main: object, options: RpcSessionOptions): Response {
  const [client, server] = Object.values(new WebSocketPair());
  if (!client || !server) throw new DoError("INTERNAL", "There is no WebSocket");
  server.accept();
  const session = new RpcSession(new CheckedTransport(server), main, options);
  void session;
  return new Response(null, { status: 101, webSocket: client });
}

/** Refuses a message before the session reads it, which ends the session. */
class CheckedTransport implements RpcTransport {
  readonly #socket: WebSocketTransport;

  constructor(socket: WebSocket) {
    this.#socket = new WebSocketTransport(socket);
  }

  send(message: string): void {
    this.#socket.send(message);
  }

  async receive(): Promise<string> {
    const message = await this.#socket.receive();
    checkMessage(message);
    return message;
  }

  abort(reason: unknown): void {
    this.#socket.abort(reason);
  }
}

/**
 * `map()` runs the peer's instructions for each item of an array, and may nest: a hundred bytes make a thousand times a
 * thousand items, before anyone has authenticated. Cap'n Web has no limit for it, and nothing here needs it.
 */
function checkMessage(message: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    throw badBatch("one JSON message a line");
  }
  if (hasRemap(parsed, 0)) throw badBatch("without map()");
}

function hasRemap(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth > MAX_DEPTH) return true;
  if (Array.isArray(value) && value[0] === "remap") return true;
  return Object.values(value).some((item) => hasRemap(item, depth + 1));
}

function badBatch(what: string): DoError {
  return new DoError("INVALID_ARGUMENT", `The message must be Cap'n Web, ${what}`, { reason: "BAD_BATCH" });
}
