/** One connection of a caller: its requests one after the other, and one answer to what is refused, after which it says nothing. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { refusalBytes } from "./answer.ts";
import type { IngressLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { Refusal } from "./refusal.ts";

/** A request that runs or waits its turn. */
export interface Turn {
  readonly request: IncomingMessage;
  /** Aborted with the Refusal that ends it. */
  readonly controller: AbortController;
}

export interface ConnectionDeps {
  readonly limits: IngressLimits;
  readonly log: Log;
  readonly newRequestId: () => string;
}

export class Connection {
  readonly socket: Socket;
  readonly peer: string;
  readonly #deps: ConnectionDeps;
  #isClosing = false;
  #turns: Turn[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(socket: Socket, deps: ConnectionDeps) {
    this.socket = socket;
    this.peer = addressOf(socket);
    this.#deps = deps;
    socket.setKeepAlive(true, deps.limits.keepAliveMs);
    socket.on("error", () => socket.destroy());
    // Node's server destroys the socket behind its last answer. What the caller still sends then makes the kernel
    // reset the connection, and the answer is lost on its way.
    socket.destroySoon = () => this.close();
  }

  /** Nothing that still arrives on it is a request. */
  get isClosing(): boolean {
    return this.#isClosing;
  }
  get isBusy(): boolean {
    return this.#turns.length > 0;
  }

  /** Runs a request when those before it have been answered. */
  take(turn: Turn, run: () => Promise<void>): void {
    if (this.#turns.length >= this.#deps.limits.pipelined) {
      const message = `At most ${this.#deps.limits.pipelined} requests may wait on a connection`;
      return this.refuse(new Refusal(429, "RATE_LIMITED", "PIPELINE_TOO_LONG", message, { retryAfterMs: 1_000 }));
    }
    this.#turns.push(turn);
    this.#running = this.#running
      .then(run)
      .catch(() => this.socket.destroy())
      .then(() => void (this.#turns = this.#turns.filter((other) => other !== turn)));
  }

  /** The parser has given up: on the body of the request that it is in, or on the head of the next. */
  fail(refusal: Refusal): void {
    const last = this.#turns.at(-1);
    if (!last || last.request.complete) return this.refuse(refusal);
    this.#isClosing = true;
    last.controller.abort(refusal);
  }

  /** Answers once those before it have been answered, and closes. */
  refuse(refusal: Refusal, request?: IncomingMessage): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#running = this.#running.then(() => {
      const requestId = this.#deps.newRequestId();
      const { status, code, reason } = refusal;
      this.#deps.log({ event: "refused", status, code, reason, requestId, peer: this.peer });
      this.answer(refusal, requestId, request);
    });
  }

  /** What must be its last words: the answer to a refusal, when nothing of another was sent. */
  answer(refusal: Refusal, requestId: string, request?: IncomingMessage): void {
    this.#isClosing = true;
    request?.resume();
    if (this.socket.writable) this.close(refusalBytes(refusal, requestId, request?.method === "HEAD"));
  }

  /** After the requests that it has. */
  closeWhenIdle(): void {
    this.#isClosing = true;
    this.#running = this.#running.then(() => this.close());
  }

  /** Says that nothing more comes, and reads on for a moment so that the caller can read too. */
  close(lastWords?: Buffer): void {
    this.#isClosing = true;
    const { socket } = this;
    if (socket.destroyed) return;
    if (lastWords) socket.write(lastWords);
    if (!socket.writableEnded) socket.end();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), this.#deps.limits.lingerMs);
    socket.once("close", () => clearTimeout(timer));
  }
}

/** IPv4 as it is written, also where a socket for IPv6 has taken it. */
export function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}
