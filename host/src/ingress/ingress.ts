/** What listens on the port: a strict HTTP/1.1 server that answers what is not right itself, and passes the rest to the front. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isIPv6, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { newId } from "../../../workers/core-services/shared/ids.ts";
import { Census } from "./census.ts";
import type { CertificateFiles, CertificateWatch } from "./certificate.ts";
import { addressOf, Connection } from "./connection.ts";
import { decide, methodNotAllowed, type Admitted } from "./decide.ts";
import type { Clock, IngressDeps } from "./deps.ts";
import { connectionsFor, descriptorLimit } from "./descriptors.ts";
import { Exchange } from "./exchange.ts";
import { pairs } from "./headers.ts";
import { INGRESS_LIMITS, type IngressLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { parserRefusal, type ParserError } from "./parser-refusal.ts";
import { badRequest, Refusal } from "./refusal.ts";
import { createServer, type AnyServer } from "./server.ts";
import { Tunnel } from "./tunnel.ts";
import { checkUpgrade } from "./upgrade.ts";
import type { Upstream } from "./upstream.ts";

export interface IngressOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: CertificateFiles;
  readonly upstream: Upstream;
  readonly limits?: Partial<IngressLimits>;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface Ingress {
  readonly url: string;
  readonly port: number;
  /** Takes the certificate anew from its files, as it does by itself when they change. */
  reloadCertificate(): void;
  /** No new work; what runs gets its time, up to `drainMs`. */
  drain(): Promise<void>;
  /** At once. */
  stop(): Promise<void>;
}

const SYSTEM_CLOCK: Clock = { epochMs: Date.now, elapsedMs: () => performance.now() };

export async function startIngress(options: IngressOptions): Promise<Ingress> {
  const running = new RunningIngress(options);
  await running.listen();
  return running;
}

class RunningIngress implements Ingress {
  readonly #options: IngressOptions;
  readonly #deps: IngressDeps;
  readonly #server: AnyServer;
  readonly #certificate: CertificateWatch | undefined;
  readonly #census: Census;
  readonly #connections = new Map<Duplex, Connection>();
  /** Of TLS, those under it: a handshake is no connection yet. */
  readonly #sockets = new Set<Socket>();
  readonly #tunnels = new Set<Tunnel>();
  #sweep: NodeJS.Timeout | undefined;
  #isDraining = false;

  constructor(options: IngressOptions) {
    this.#options = options;
    const { log, upstream, tls, clock = SYSTEM_CLOCK } = options;
    const limits = limitsOf(options);
    this.#deps = {
      limits,
      log,
      clock,
      upstream,
      scheme: tls ? "https" : "http",
      newRequestId: () => newId("req", clock.epochMs()),
      random: randomBytes,
      watched: new Set(),
      isDraining: () => this.#isDraining,
    };
    this.#census = new Census(limits);
    const { server, certificate } = createServer(tls, limits, log);
    this.#server = server;
    this.#certificate = certificate;
    this.#handle(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  get url(): string {
    const { host } = this.#options;
    return `${this.#deps.scheme}://${isIPv6(host) ? `[${host}]` : host}:${this.port}`;
  }

  /** @throws Error when the address is taken */
  listen(): Promise<void> {
    const { host, port } = this.#options;
    this.#sweep = setInterval(() => this.#look(), this.#deps.limits.sweepMs).unref();
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        this.#release();
        reject(error);
      };
      this.#server.once("error", fail).listen({ host, port, backlog: 4_096 }, () => {
        this.#server.off("error", fail);
        resolve();
      });
    });
  }

  reloadCertificate(): void {
    this.#certificate?.reload();
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections.values()) {
      if (connection.isBusy) connection.closeWhenIdle();
      else connection.close();
    }
    for (const tunnel of this.#tunnels) tunnel.leave();
    const timer = setTimeout(() => this.#destroyAll(), this.#deps.limits.drainMs);
    await closed;
    clearTimeout(timer);
    this.#release();
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#destroyAll();
    await closed;
    this.#release();
  }

  #destroyAll(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }

  #release(): void {
    clearInterval(this.#sweep);
    this.#certificate?.stop();
  }

  #look(): void {
    const nowMs = this.#deps.clock.elapsedMs();
    for (const one of this.#deps.watched) one.watch(nowMs);
  }

  #handle(server: AnyServer): void {
    server.on("connection", (socket: Socket) => this.#count(socket));
    if (this.#deps.scheme === "https") server.on("secureConnection", (socket: Socket) => this.#open(socket));
    server.on("request", (request, response) => this.#serve(request, response, false));
    server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response, true));
    server.on("checkExpectation", (request: IncomingMessage) => this.#connectionOf(request)?.refuse(badExpectation(), request));
    server.on("connect", (request: IncomingMessage) => this.#connectionOf(request)?.refuse(methodNotAllowed()));
    server.on("upgrade", (request: IncomingMessage, _socket: Duplex, head: Buffer) => this.#upgrade(request, head));
    server.on("clientError", (error: ParserError, socket: Duplex) => this.#parserError(error, socket));
  }

  #count(socket: Socket): void {
    const address = addressOf(socket);
    const refusal = this.#census.enter(address);
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#census.leave(address);
    });
    if (this.#deps.scheme === "http") {
      const connection = this.#open(socket);
      if (refusal) connection.refuse(refusal);
    } else if (refusal) {
      // A handshake would cost more than the answer is worth.
      socket.destroy();
    }
  }

  #open(socket: Socket): Connection {
    const connection = new Connection(socket, this.#deps);
    this.#connections.set(socket, connection);
    socket.once("close", () => this.#connections.delete(socket));
    if (this.#isDraining) connection.close();
    return connection;
  }

  /** `undefined` when nothing more that arrives there is a request. */
  #connectionOf({ socket }: IncomingMessage): Connection | undefined {
    const connection = this.#connections.get(socket);
    return connection?.isClosing ? undefined : connection;
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#connectionOf(request);
    if (!connection) return;
    const admitted = this.#admit(connection, request);
    if (!admitted) return;
    const exchange = new Exchange({ connection, request, response, admitted, expectsContinue }, this.#deps);
    connection.take(exchange, () => exchange.run());
  }

  #upgrade(request: IncomingMessage, head: Buffer): void {
    const connection = this.#connectionOf(request);
    if (!connection) return;
    if (connection.isBusy) return connection.refuse(badRequest("BAD_UPGRADE", "An upgrade must wait for the answers before it"));
    const admitted = this.#admit(connection, request, (it) => checkUpgrade(it.httpVersion, it.method ?? "", pairs(it.rawHeaders)));
    if (!admitted) return;
    const tunnel = new Tunnel({ connection, request, head, admitted }, this.#deps);
    this.#tunnels.add(tunnel);
    connection.take(tunnel, () => tunnel.run().finally(() => this.#tunnels.delete(tunnel)));
  }

  /** Decides, and answers when the decision is no. */
  #admit(connection: Connection, request: IncomingMessage, check?: (request: IncomingMessage) => void): Admitted | undefined {
    const { method = "", url = "", httpVersion, rawHeaders } = request;
    try {
      const admitted = decide({ method, url, httpVersion, rawHeaders }, this.#deps.limits, this.#deps.random);
      check?.(request);
      return admitted;
    } catch (error) {
      connection.refuse(error instanceof Refusal ? error : this.#defect(error), request);
      return undefined;
    }
  }

  /** The process must outlive a mistake of ours. */
  #defect(error: unknown): Refusal {
    const message = error instanceof Error ? error.message : "not an Error";
    this.#deps.log({ event: "error", requestId: undefined, message });
    return new Refusal(500, "INTERNAL", "INGRESS", "Something broke inside do's ingress");
  }

  #parserError(error: ParserError, socket: Duplex): void {
    const connection = this.#connections.get(socket);
    if (!connection) return void socket.destroy();
    // Behind a request that said `Connection: close` comes nothing that is one.
    if (error.code === "HPE_CLOSED_CONNECTION") return connection.closeWhenIdle();
    const refusal = connection.socket.bytesRead > 0 ? parserRefusal(error, this.#deps.limits) : undefined;
    if (refusal) connection.fail(refusal);
    else socket.destroy();
  }
}

function limitsOf({ limits, log }: IngressOptions): IngressLimits {
  const wanted = { ...INGRESS_LIMITS, ...limits };
  const descriptors = descriptorLimit();
  const connections = connectionsFor(wanted.connections, descriptors);
  if (connections < wanted.connections) log({ event: "connections-lowered", wanted: wanted.connections, got: connections, descriptors });
  return { ...wanted, connections };
}

function badExpectation(): Refusal {
  return new Refusal(417, "INVALID_ARGUMENT", "EXPECTATION", "The only expectation is 100-continue");
}
