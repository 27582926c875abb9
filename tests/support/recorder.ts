import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { UpstreamAddress } from "../../host/src/ingress/upstream.ts";

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** An HTTP server on a unix socket in the front's place, that writes down what reaches it. */
export interface Recorder {
  readonly address: UpstreamAddress;
  readonly seen: Seen[];
  /** How it answers; 200 with what it saw, unless a test says otherwise. */
  answer: (request: IncomingMessage, response: ServerResponse, seen: () => Promise<Seen>) => void | Promise<void>;
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  connections(): Promise<number>;
  stop(): Promise<void>;
}

export async function startRecorder(socketPath = join(mkdtempSync(join(tmpdir(), "do-front-")), "front.sock")): Promise<Recorder> {
  const seen: Seen[] = [];
  const server = createServer({ insecureHTTPParser: true, maxHeaderSize: 256 * 1024 });
  const note = ({ method = "", url = "", rawHeaders }: IncomingMessage, body: string): Seen => {
    const headers = Array.from(
      { length: rawHeaders.length / 2 },
      (_, i) => [rawHeaders[2 * i] ?? "", rawHeaders[2 * i + 1] ?? ""] as const,
    );
    const one = { method, url, headers, body };
    seen.push(one);
    return one;
  };
  const record = async (request: IncomingMessage) => note(request, (await buffer(request)).toString("latin1"));
  const recorder: Recorder = {
    address: { socketPath },
    seen,
    answer: async (_request, response, whole) =>
      void response.setHeader("content-type", "application/json").end(JSON.stringify(await whole())),
    upgrade: (_request, socket) => void socket.destroy(),
    connections: () => new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count)))),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
      rmSync(socketPath, { force: true });
    },
  };
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  server.on("request", (request, response) => {
    // A body that ends too soon is for the one who sends it to explain.
    void Promise.resolve(recorder.answer(request, response, () => record(request))).catch(() => response.destroy());
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    note(request, "");
    recorder.upgrade(request, socket, head);
  });
  await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
  return recorder;
}
