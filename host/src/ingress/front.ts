/** A request as the front gets it, and the answer as the caller gets it. */
import { request, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Admitted } from "./decide.ts";
import type { Flow } from "./flow.ts";
import { pairs, responseHeaders, type Headers } from "./headers.ts";

/** What the ingress knows itself, and the front may believe: nothing from outside has these names. */
export interface Known {
  readonly requestId: string;
  readonly peer: string;
  readonly scheme: "http" | "https";
}

/** Starts a request on a connection of its own; the caller of this sends the body, or ends it. */
export function askFront(socket: Socket, admitted: Admitted, known: Known, hop: Headers, signal: AbortSignal): ClientRequest {
  const { method, target: path } = admitted;
  const headers = [...frontHeaders(admitted, known), ...hop].flat();
  return request({ createConnection: () => socket, method, path, headers, signal });
}

function frontHeaders({ host, headers, trace }: Admitted, { requestId, peer, scheme }: Known): Headers {
  return [
    ["host", host],
    ...headers,
    ["traceparent", trace.traceparent],
    ...(trace.tracestate === undefined ? [] : [["tracestate", trace.tracestate] as const]),
    ["x-do-request-id", requestId],
    ["x-do-peer", peer],
    ["x-do-scheme", scheme],
  ];
}

/** How the body is framed towards the front, and that the connection serves nothing else. */
export function hopOf({ method, bodyBytes }: Admitted): Headers {
  const close = ["connection", "close"] as const;
  if (bodyBytes === undefined) return [close, ["transfer-encoding", "chunked"]];
  const hasMeaning = method === "POST" || method === "PUT" || method === "PATCH";
  return bodyBytes > 0 || hasMeaning ? [close, ["content-length", String(bodyBytes)]] : [close];
}

export interface RelayOptions {
  readonly requestId: string;
  readonly flow: Flow;
  /** Nothing more is read from this connection. */
  readonly closes: boolean;
}

/** Passes an answer on, as it comes and as it is taken. Rejects when one of the two ends goes away before the end. */
export function relay(answer: IncomingMessage, response: ServerResponse, { requestId, flow, closes }: RelayOptions): Promise<void> {
  const headers = [...responseHeaders(pairs(answer.rawHeaders)), ["x-request-id", requestId], ...(closes ? [["connection", "close"]] : [])];
  response.writeHead(answer.statusCode ?? 502, headers.flat());
  // The head of a stream is an answer too; that of a short answer goes with its body.
  setImmediate(() => response.writableEnded || response.flushHeaders());
  return new Promise((resolve, reject) => {
    answer.on("data", (chunk: Buffer) => flow.write(answer, response, chunk));
    answer.once("end", () => response.end());
    answer.once("error", reject);
    response.once("finish", resolve);
    response.once("close", () => reject(new Error("the caller has gone")));
  });
}
