import * as z from "zod";
import type { CapturedRequest } from "../../../../sdk/src/types.ts";
import { toDoError } from "../../../../sdk/src/errors.ts";
import { configOf } from "../../../core-services/auth/config.ts";
import type { WayOut } from "../../../core-services/gateway/egress/guarded-request.ts";
import type { Incoming, Outgoing } from "../../../core-services/gateway/egress/redirects.ts";
import { passedOn } from "../../../core-services/gateway/egress/cdn-loop.ts";
import { deploymentIdOf } from "../../../core-services/gateway/routes/routed-tenants.ts";
import { egressSecretsOf } from "../../../core-services/gateway/functions/functions.ts";
import { trafficOf } from "../../../core-services/gateway/traffic.ts";
import { DoError } from "../errors.ts";
import type { ExecutionMeter } from "./budget.ts";
import type { GuestRequest, GuestResponse } from "./guest/protocol.ts";

/** Bytes of one request of code, and of the answer to it. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const MAX_REQUEST_HEADERS = 128;
const MAX_CAPTURED_REQUESTS = 1_000;
const MAX_CAPTURED_URL_CHARACTERS = 2_048;

/** What code says that it wants. It comes from an isolate: it may be anything. */
const Sent = z.strictObject({
  url: z.string(),
  method: z.string().max(32),
  headers: z.array(z.tuple([z.string().max(256), z.string().max(65_536)])).max(MAX_REQUEST_HEADERS),
  body: z
    .instanceof(Uint8Array)
    .refine(({ byteLength }) => byteLength <= MAX_REQUEST_BYTES, `must be at most ${MAX_REQUEST_BYTES} bytes`)
    .optional(),
  redirect: z.enum(["follow", "manual"]),
} satisfies Record<keyof GuestRequest, z.ZodType>);

/** The network as code has it. */
export interface GuestNetwork {
  request(sent: unknown): Promise<GuestResponse>;
}

export interface NetworkOptions {
  /** By the rules of the tenant, or through an outbound Worker. @throws DoError */
  readonly send: (sent: Outgoing) => Promise<Incoming>;
  readonly meter: ExecutionMeter;
  readonly elapsedMs: () => number;
  /** Until the execution must have ended. */
  readonly leftMs: () => number;
}

/** The network of one execution: each request is a call that is counted, decided by the rules of its tenant and kept. */
export class ExecutionNetwork implements GuestNetwork {
  readonly requests: CapturedRequest[] = [];
  truncated = false;
  readonly #options: NetworkOptions;
  readonly #over = new AbortController();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  async request(sent: unknown): Promise<GuestResponse> {
    const { meter, elapsedMs, leftMs, send } = this.#options;
    const { url, method, headers, body, redirect } = parseSent(sent);
    const isSafe = method === "GET" || method === "HEAD" || method === "OPTIONS";
    const atMs = elapsedMs();
    try {
      const answer = await meter.call({ service: "egress", method, access: isSafe ? "read" : "write" }, async () => {
        const signal = AbortSignal.any([this.#over.signal, AbortSignal.timeout(Math.max(1, leftMs()))]);
        return send({ url, method, headers, body, redirect, signal, maxBytes: MAX_RESPONSE_BYTES });
      });
      this.#capture({ method, url, status: answer.status, atMs, durationMs: elapsedMs() - atMs });
      return toGuest(answer);
    } catch (error) {
      const known = toDoError(error);
      const reason = known?.reason ?? known?.code ?? "INTERNAL";
      this.#capture({ method, url, status: 0, atMs, durationMs: elapsedMs() - atMs, reason });
      throw error;
    }
  }

  /** What is under way is given up: the execution is over. */
  close(): void {
    this.#over.abort();
  }

  #capture({ url, ...request }: CapturedRequest): void {
    if (this.requests.length >= MAX_CAPTURED_REQUESTS) this.truncated = true;
    else this.requests.push({ ...request, url: url.slice(0, MAX_CAPTURED_URL_CHARACTERS) });
  }
}

/** For what runs no code of anybody. */
export const NO_NETWORK: GuestNetwork = {
  request: () => Promise.reject(new DoError("PERMISSION_DENIED", "Cannot fetch: there is no network", { reason: "EGRESS_DENIED" })),
};

/** The way out of a tenant, as its rules are now. @param cdnLoop of the request that it is made for (RFC 8586), or empty */
export async function wayOutOfTenant(env: Cloudflare.Env, tenant: string, cdnLoop: string): Promise<WayOut> {
  const [{ rules }, id] = await Promise.all([trafficOf(env, tenant).egress(), deploymentIdOf(env)]);
  const { loopbackOrigins } = configOf(env.DO_CONFIG);
  return {
    rules,
    publicNetwork: env.EGRESS,
    localNetwork: env.EGRESS_LOOPBACK,
    loopbackOrigins,
    cdnLoop: passedOn(cdnLoop, id),
    secrets: egressSecretsOf(env, tenant),
  };
}

function parseSent(sent: unknown): Omit<GuestRequest, "headers"> & { headers: Headers; body: Uint8Array | undefined } {
  const parsed = Sent.safeParse(sent);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DoError("INVALID_ARGUMENT", `Cannot fetch: ${issue?.path.join(".") || "the request"}: ${issue?.message ?? "is not valid"}`);
  }
  const headers = new Headers();
  try {
    for (const [name, value] of parsed.data.headers) headers.append(name, value);
  } catch {
    throw new DoError("INVALID_ARGUMENT", "Cannot fetch: a header has a name or value that none can have");
  }
  return { ...parsed.data, body: parsed.data.body, headers };
}

function toGuest({ url, redirected, status, headers, body }: Incoming): GuestResponse {
  return { url, redirected, status, headers: [...headers], body };
}
