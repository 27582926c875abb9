/** What the front asks of the supervisor, on a socket that only the two can open (workers/do/src/executor/supervisor.ts). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { Homes } from "./homes/homes.ts";
import type { HomeRequest } from "./homes/options.ts";
import { Refusal, type LeaseRequest } from "./pool/lease.ts";
import type { Pool } from "./pool/pool.ts";
import type { Kept } from "./process/kept.ts";

export interface ControlDeps {
  readonly pools: { readonly executor: Pool; readonly compiler: Pool };
  readonly homes: Homes;
  readonly stores: readonly Kept[];
  /** @throws Refusal naming what keeps failing */
  readonly check: () => void;
}

/** Made once, for making an error takes as long as the answer. */
const GONE = new Error("the front has gone");

/** The front is trusted: what it sends has the shapes that it says. */
type LeaseBody = (LeaseRequest & { kind: "executor" | "compiler" }) | (HomeRequest & { kind: "home" });
type Handler = (body: never) => unknown;

export class Control {
  readonly #server: Server;
  readonly #pools: ControlDeps["pools"];
  readonly #homes: Homes;
  readonly #handlers: Readonly<Record<string, Handler>>;

  constructor({ pools, homes, stores, check }: ControlDeps) {
    this.#pools = pools;
    this.#homes = homes;
    const both = [pools.executor, pools.compiler];
    const usage = (ids: ReadonlySet<string>) => [...pools.executor.usage(ids), ...homes.usage(ids)];
    // No two pools give out the same lease: to the other one its name means nothing.
    this.#handlers = {
      "/end": ({ lease }: { lease: string }) => this.#end(lease),
      "/leave": ({ lease }: { lease: string }) => [...both, homes].forEach((pool) => pool.leave(lease)),
      "/usage": ({ executionIds }: { executionIds: string[] }) => usage(new Set(executionIds)),
      "/remove-home": ({ home }: { home: string }) => homes.remove(home),
      "/end-store": ({ shard }: { shard: number }) => stores[shard]?.restart(),
      "/store-serving": ({ shard }: { shard: number }) => stores[shard]?.answering(),
      "/check": () => check(),
    };
    this.#server = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#answer(request, response));
  }

  async listen(socketPath: string): Promise<void> {
    this.#server.listen(socketPath);
    await once(this.#server, "listening");
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await readJson(request);
      if (request.url === "/lease") return await this.#lease(body as LeaseBody, response);
      const handler = this.#handlers[request.url ?? ""];
      if (!handler) throw new Error(`There is no ${request.url}`);
      send(response, 200, (await handler(body as never)) ?? {});
    } catch (error) {
      send(response, 503, toBody(error));
    }
  }

  /** The answer begins when there is a process and ends when the run has ended; whoever leaves before ends the run. */
  async #lease(body: LeaseBody, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort(GONE));
    const lease = await (body.kind === "home" ? this.#homes.lease(body, gone.signal) : this.#pools[body.kind].lease(body, gone.signal));
    gone.signal.addEventListener("abort", () => this.#end(lease.id));
    if (gone.signal.aborted) return (body.kind === "home" ? this.#homes : this.#pools[body.kind]).leave(lease.id);
    response.writeHead(200, { "x-lease": lease.id, "x-seat": lease.seat, "x-first": String(lease.isFirst), "x-queue-ms": lease.queueMs });
    response.flushHeaders();
    response.end(JSON.stringify(await lease.verdict));
  }

  #end(lease: string): void {
    this.#pools.executor.end(lease);
    this.#pools.compiler.end(lease);
    void this.#homes.end(lease);
  }
}

function toBody(error: unknown): object {
  if (!(error instanceof Refusal)) {
    return { code: "UNAVAILABLE", reason: "SUPERVISOR_FAILED", message: "The supervisor failed", retryAfterMs: 1_000 };
  }
  const { code, reason, message, retryAfterMs } = error;
  return { code, reason, message, retryAfterMs };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

function readJson(request: IncomingMessage): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  request
    .once("end", () => resolve(text))
    .once("error", reject)
    .once("close", () => reject(GONE));
  return promise.then((sent) => JSON.parse(sent) as unknown);
}
