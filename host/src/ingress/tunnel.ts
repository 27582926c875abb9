/** One WebSocket: the upgrade is a request like others; after it, bytes pass both ways. */
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { refusalBytes } from "./answer.ts";
import type { Connection, Turn } from "./connection.ts";
import type { Admitted } from "./decide.ts";
import type { IngressDeps, Watched } from "./deps.ts";
import { Flow } from "./flow.ts";
import { CLOSE_GOING_AWAY, FrameBoundary } from "./frames.ts";
import { askFront, relay, type Known } from "./front.ts";
import { pairs, responseHeaders, type Headers } from "./headers.ts";
import { frontLost, Refusal } from "./refusal.ts";
import { connectUpstream } from "./upstream.ts";

const UPGRADE: Headers = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
];

export interface TunnelOptions {
  readonly connection: Connection;
  readonly request: IncomingMessage;
  /** What came behind the request: the first frames. */
  readonly head: Buffer;
  readonly admitted: Admitted;
}

interface Upgraded {
  readonly answer: IncomingMessage;
  /** Absent when the front has answered something else than 101. */
  readonly stream?: Socket;
  readonly head?: Buffer;
}

export class Tunnel implements Turn, Watched {
  readonly controller = new AbortController();
  readonly #options: TunnelOptions;
  readonly #deps: IngressDeps;
  readonly #known: Known;
  readonly #startMs: number;
  readonly #boundary = new FrameBoundary();
  readonly #down: Flow;
  #status = 499;
  #isOpen = false;
  #isLeaving = false;
  #hasLeft = false;

  constructor(options: TunnelOptions, deps: IngressDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#startMs = deps.clock.elapsedMs();
    this.#down = new Flow(deps.clock.elapsedMs);
    this.#known = { requestId: deps.newRequestId(), peer: options.connection.peer, scheme: deps.scheme };
  }

  get request(): IncomingMessage {
    return this.#options.request;
  }

  async run(): Promise<void> {
    const { connection } = this.#options;
    connection.socket.once("close", () => this.controller.abort());
    this.#deps.watched.add(this);
    try {
      await this.#pass(await this.#upgrade());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#deps.watched.delete(this);
      this.#log();
    }
  }

  watch(): void {
    if (this.#down.isStalled(this.#deps.limits.stallMs)) this.#options.connection.socket.destroy();
  }

  /** Says "going away" between two frames. What the caller answers still reaches the front. */
  leave(): void {
    this.#isLeaving = true;
    if (!this.#isOpen || !this.#boundary.isHere || this.#hasLeft) return;
    this.#hasLeft = true;
    const { connection } = this.#options;
    connection.socket.write(CLOSE_GOING_AWAY);
    // RFC 6455 7.1.1: the caller answers, the front hears it and closes. Should one of them not, we do.
    const timer = setTimeout(() => connection.close(), this.#deps.limits.lingerMs);
    connection.socket.once("close", () => clearTimeout(timer));
  }

  async #upgrade(): Promise<Upgraded> {
    const { upstream, limits } = this.#deps;
    const { signal } = this.controller;
    const socket = await connectUpstream(upstream, limits.upstreamWaitMs, signal);
    return new Promise((resolve, reject) => {
      const asked = askFront(socket, this.#options.admitted, this.#known, UPGRADE, signal);
      asked.once("upgrade", (answer, stream: Socket, head) => resolve({ answer, stream, head }));
      asked.once("response", (answer) => resolve({ answer }));
      asked.on("error", reject);
      asked.end();
    });
  }

  #pass({ answer, stream, head }: Upgraded): Promise<void> {
    this.#status = answer.statusCode ?? 502;
    return stream && head ? this.#join(stream, answer, head) : this.#passRefusal(answer);
  }

  /** The front has answered an upgrade as any request. */
  async #passRefusal(answer: IncomingMessage): Promise<void> {
    const { connection, request } = this.#options;
    const response = new ServerResponse(request);
    response.assignSocket(connection.socket);
    await relay(answer, response, { requestId: this.#known.requestId, flow: this.#down, closes: true });
    connection.close();
  }

  #join(stream: Socket, answer: IncomingMessage, first: Buffer): Promise<void> {
    const { connection, head } = this.#options;
    const { socket } = connection;
    const up = new Flow(this.#deps.clock.elapsedMs);
    this.#isOpen = true;
    socket.write(switching(answer, this.#known.requestId));
    const down = (chunk: Buffer) => this.#sendDown(stream, chunk);
    if (first.length > 0) down(first);
    if (head.length > 0) stream.write(head);
    stream.on("data", down);
    socket.on("data", (chunk: Buffer) => up.write(socket, stream, chunk));
    stream.once("end", () => connection.close());
    stream.on("error", () => socket.destroy());
    // A WebSocket has no half that goes on: whoever ends, has ended it.
    socket.once("end", () => connection.close());
    // Its own data was waiting while the upgrade was asked for.
    socket.resume();
    if (this.#isLeaving) this.leave();
    return new Promise((resolve) => {
      stream.once("close", () => connection.close());
      socket.once("close", () => {
        stream.destroySoon();
        resolve();
      });
    });
  }

  #sendDown(stream: Socket, chunk: Buffer): void {
    const { connection } = this.#options;
    if (this.#hasLeft || connection.socket.writableEnded) return;
    const passed = chunk.subarray(0, this.#boundary.follow(chunk, this.#isLeaving));
    this.#down.write(stream, connection.socket, passed);
    if (this.#isLeaving) this.leave();
  }

  #fail(error: unknown): void {
    const { connection } = this.#options;
    const { socket } = connection;
    if (this.#status !== 499 || socket.destroyed) return void socket.destroy();
    const refusal = error instanceof Refusal ? error : frontLost(true);
    this.#status = refusal.status;
    connection.close(refusalBytes(refusal, this.#known.requestId));
  }

  #log(): void {
    const { connection, admitted } = this.#options;
    this.#deps.log({
      event: "request",
      method: admitted.method,
      path: admitted.path,
      status: this.#status,
      durationMs: Math.round(this.#deps.clock.elapsedMs() - this.#startMs),
      requestId: this.#known.requestId,
      executionId: undefined,
      traceId: admitted.trace.traceId,
      peer: connection.peer,
      isCut: false,
    });
  }
}

function switching(answer: IncomingMessage, requestId: string): Buffer {
  const headers = [...UPGRADE, ...responseHeaders(pairs(answer.rawHeaders)), ["x-request-id", requestId]];
  return Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${headers.map((pair) => pair.join(": ")).join("\r\n")}\r\n\r\n`, "latin1");
}
