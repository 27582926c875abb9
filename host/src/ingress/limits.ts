/** What the ingress allows. Time-outs of an execution are not here: they are the policy's. */
export const INGRESS_LIMITS = {
  urlBytes: 16 * 1024,
  headerBytes: 32 * 1024,
  headerCount: 100,
  bodyBytes: 64 * 1024 * 1024,
  headersMs: 10_000,
  bodyMs: 300_000,
  bodyGraceMs: 5_000,
  bodyBytesPerSecond: 1_024,
  keepAliveMs: 60_000,
  stallMs: 60_000,
  pipelined: 16,
  connections: 20_000,
  connectionsPerPeer: 256,
  upstreamWaitMs: 5_000,
  drainMs: 125_000,
  lingerMs: 2_000,
  sweepMs: 1_000,
};

export type IngressLimits = Readonly<typeof INGRESS_LIMITS>;
