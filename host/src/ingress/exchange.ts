/** One admitted request: asks the front, passes its answer on, and says what became of it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { sendRefusal } from "./answer.ts";
import { BodyMeter, sendBody } from "./body.ts";
import type { Connection, Turn } from "./connection.ts";
import type { Admitted } from "./decide.ts";
import { Flow } from "./flow.ts";
import { askFront, hopOf, relay, type Known } from "./front.ts";
import type { IngressDeps, Watched } from "./deps.ts";
import { keepReading } from "./keep-reading.ts";
import { frontLost, Refusal } from "./refusal.ts";
import { connectUpstream } from "./upstream.ts";

/** Why an exchange ends when it is nobody's fault that can be answered for. */
const CALLER_GONE = new Error("the caller has gone");
const CALLER_STALLED = new Error("the caller does not read");

export interface ExchangeOptions {
  readonly connection: Connection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly admitted: Admitted;
  /** The caller waits for 100 before it sends the body. */
  readonly expectsContinue: boolean;
}

export class Exchange implements Turn, Watched {
  readonly controller = new AbortController();
  readonly #options: ExchangeOptions;
  readonly #deps: IngressDeps;
  readonly #known: Known;
  readonly #startMs: number;
  readonly #flow: Flow;
  #meter: BodyMeter | undefined;
  #dropBody = () => {};
  #status = 499;
  #executionId: string | string[] | undefined;
  #isCut = false;

  constructor(options: ExchangeOptions, deps: IngressDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#startMs = deps.clock.elapsedMs();
    this.#flow = new Flow(deps.clock.elapsedMs);
    this.#known = { requestId: deps.newRequestId(), peer: options.connection.peer, scheme: deps.scheme };
  }

  get request(): IncomingMessage {
    return this.#options.request;
  }

  async run(): Promise<void> {
    const { connection, response } = this.#options;
    if (!connection.socket.writable) return;
    response.once("close", () => {
      if (!response.writableFinished) this.controller.abort(CALLER_GONE);
    });
    this.#deps.watched.add(this);
    try {
      await this.#relay(await this.#ask());
    } catch (error) {
      this.#fail(error);
    } finally {
      // The front did not want all of the body, or is not there to take it.
      if (!this.#options.request.complete) this.#dropBody();
      this.#deps.watched.delete(this);
      this.#log();
    }
  }

  /** Ends what is too slow. */
  watch(nowMs: number): void {
    const { request } = this.#options;
    const refusal = request.complete ? undefined : this.#meter?.check(nowMs);
    if (refusal) this.controller.abort(refusal);
    else if (this.#flow.isStalled(this.#deps.limits.stallMs)) this.controller.abort(CALLER_STALLED);
  }

  get #isSafe(): boolean {
    const { method } = this.#options.admitted;
    return method === "GET" || method === "HEAD";
  }

  /** What changes nothing is asked once more when the front was lost before it answered. */
  async #ask(): Promise<IncomingMessage> {
    try {
      return await this.#askOnce();
    } catch (error) {
      if (!this.#isSafe || error instanceof Refusal || this.controller.signal.aborted) throw error;
      return this.#askOnce();
    }
  }

  async #askOnce(): Promise<IncomingMessage> {
    const { request, response, admitted, expectsContinue } = this.#options;
    const { signal } = this.controller;
    const { clock, limits, upstream } = this.#deps;
    const socket = await connectUpstream(upstream, limits.upstreamWaitMs, signal);
    return new Promise((resolve, reject) => {
      const asked = askFront(keepReading(socket), admitted, this.#known, hopOf(admitted), signal);
      asked.once("response", resolve);
      asked.on("error", reject);
      if (admitted.bodyBytes === 0) return void asked.end();
      if (expectsContinue) response.writeContinue();
      this.#meter = new BodyMeter(limits, clock.elapsedMs());
      this.#dropBody = sendBody(request, asked, {
        meter: this.#meter,
        nowMs: clock.elapsedMs,
        refuse: (refusal) => this.controller.abort(refusal),
      });
    });
  }

  #relay(answer: IncomingMessage): Promise<void> {
    const { request, response } = this.#options;
    this.#status = answer.statusCode ?? 502;
    this.#executionId = answer.headers["x-execution-id"];
    const closes = !request.complete || this.#deps.isDraining();
    return relay(answer, response, { requestId: this.#known.requestId, flow: this.#flow, closes });
  }

  #fail(error: unknown): void {
    const { connection, request, response } = this.#options;
    const cause: unknown = this.controller.signal.aborted ? this.controller.signal.reason : error;
    this.#isCut = response.headersSent || cause === CALLER_GONE;
    if (this.#isCut) return void connection.socket.destroy();
    const refusal = cause instanceof Refusal ? cause : this.#lost(cause);
    this.#status = refusal.status;
    const { requestId } = this.#known;
    // The caller has done nothing wrong, and may ask again on the same connection.
    const stays = refusal.code === "UNAVAILABLE" && request.complete && !connection.isClosing && !this.#deps.isDraining();
    if (stays) sendRefusal(response, refusal, requestId);
    else connection.answer(refusal, requestId, request);
  }

  #lost(cause: unknown): Refusal {
    const message = cause instanceof Error ? cause.message : "not an Error";
    this.#deps.log({ event: "error", requestId: this.#known.requestId, message });
    return frontLost(this.#isSafe);
  }

  #log(): void {
    const { connection, admitted } = this.#options;
    const { method, path, trace } = admitted;
    this.#deps.log({
      event: "request",
      method,
      path,
      status: this.#status,
      durationMs: Math.round(this.#deps.clock.elapsedMs() - this.#startMs),
      requestId: this.#known.requestId,
      traceId: trace.traceId,
      executionId: this.#executionId,
      peer: connection.peer,
      isCut: this.#isCut,
    });
  }
}
