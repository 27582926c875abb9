import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Upstream {
  readonly origin: string;
  readonly port: number;
  /** All that has come in, in order. */
  readonly seen: SeenRequest[];
  /** What it answers from now on. */
  handle: (request: SeenRequest, response: ServerResponse, raw: IncomingMessage) => void;
  stop(): Promise<void>;
}

/** A real HTTP server on this machine, which says what came in as JSON unless it is told to answer something else. */
export async function startUpstream(): Promise<Upstream> {
  const server = createServer((raw, response) => {
    // When a connection breaks that was used before, workerd itself sends a GET again: what was seen would not be what was sent.
    response.shouldKeepAlive = false;
    void text(raw).then((body) => {
      const request = { method: raw.method ?? "", url: raw.url ?? "", headers: raw.headers, body };
      upstream.seen.push(request);
      upstream.handle(request, response, raw);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  const upstream: Upstream = {
    origin: `http://127.0.0.1:${port}`,
    port,
    seen: [],
    handle: echo,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return upstream;
}

export function echo(request: SeenRequest, response: ServerResponse): void {
  response.setHeader("content-type", "application/json").end(JSON.stringify(request));
}
