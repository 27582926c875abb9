/** Node's own HTTP server, as strict as it can be made. What it still lets through, decide.ts refuses. */
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { readCertificate, watchCertificate, type CertificateFiles, type CertificateWatch } from "./certificate.ts";
import type { IngressLimits } from "./limits.ts";
import type { Log } from "./log.ts";

export type AnyServer = Server | TlsServer;

/** Connections over the limit that may be there to be told so; beyond them, they are closed unseen. */
const REFUSED_AT_ONCE = 500;

export function createServer(
  tls: CertificateFiles | undefined,
  limits: IngressLimits,
  log: Log,
): { readonly server: AnyServer; readonly certificate: CertificateWatch | undefined } {
  const options = {
    insecureHTTPParser: false,
    // Node would answer itself, without a problem; decide() looks.
    requireHostHeader: false,
    // Of the request line and the headers together; decide() measures each.
    maxHeaderSize: limits.urlBytes + limits.headerBytes + 1_024,
    headersTimeout: limits.headersMs,
    // The body has a meter of ours, which knows who is to blame.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.sweepMs,
  };
  if (tls === undefined) return { server: configured(createHttpServer(options), limits), certificate: undefined };
  const server = createTlsServer({ ...options, ...readCertificate(tls), handshakeTimeout: limits.headersMs });
  const certificate = watchCertificate(tls, (context) => server.setSecureContext(context), log);
  return { server: configured(server, limits), certificate };
}

function configured<S extends AnyServer>(server: S, limits: IngressLimits): S {
  server.maxConnections = limits.connections + REFUSED_AT_ONCE;
  return server;
}
