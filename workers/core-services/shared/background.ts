import type { ExecutionAnswer, ServiceName } from "../../../sdk/src/types.ts";

/**
 * On whose behalf something is done later. It is stored beside the work, made only from the authority of who asked for
 * it (`sponsorOf` in workers/do), and says who that was, not what it may: that is found out anew each time.
 */
export interface Sponsor {
  readonly principal: { readonly kind: string; readonly id: string; readonly tenant: string; readonly tier: string };
  /** What is asked whether it still stands: a key, a user, the root key. Undefined: the host knows it by configuration. */
  readonly source: string | undefined;
  /** What was held when the work was asked for: at most this is held later. */
  readonly scopes: readonly string[];
  /** Asked for by code. */
  readonly isGuest: boolean;
}

/** What makes work be done: it shows in the executions of the tenant. */
export interface Cause {
  readonly kind: "queue" | "schedule" | "function" | "route";
  readonly name: string;
}

/**
 * Work on behalf of a sponsor, as it may at this moment. Each refuses with UNAUTHENTICATED or PERMISSION_DENIED when
 * the sponsor may no longer (do not try again), and with LIMIT_EXCEEDED, RATE_LIMITED or UNAVAILABLE and `retryAfterMs`
 * when there is no room now (try later; nothing was attempted). It takes nothing of the sponsor's requests per minute.
 */
export interface Background {
  /** Runs code (ExecuteRequest); how that ended is in the answer. `onStarted` gets the execution's id. */
  execute(request: unknown, onStarted?: (id: string) => void): Promise<ExecutionAnswer>;
  /** Calls a method of a service. `params` by position or by name. */
  call(service: ServiceName, method: string, params: unknown): Promise<unknown>;
  /** An HTTP request through the egress rules of the sponsor's tenant. */
  request(request: HttpRequest): Promise<HttpAnswer>;
}

/** A request to somewhere else, on behalf of a sponsor. */
export interface HttpRequest {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** At most 1 MiB. */
  readonly body: string;
}

export interface BackgroundProps {
  readonly sponsor: Sponsor;
  readonly cause: Cause;
}

/** Of a Durable Object's or entrypoint's context: what it exports, which is where the loopback entrypoint is. */
interface WithExports {
  readonly exports: object;
}

/** Only who holds the context of a class of do can name a sponsor: props are unforgeable, and no binding leads here. */
export function backgroundOf(ctx: WithExports, props: BackgroundProps): Background {
  const { Background: loopback } = ctx.exports as { Background: (options: { props: BackgroundProps }) => Background };
  return loopback({ props });
}
