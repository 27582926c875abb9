import { decide } from "../../../core-services/gateway/egress/decide.ts";
import { egressDenied, guardedRequest, type WayOut } from "../../../core-services/gateway/egress/guarded-request.ts";
import { followed, type Hop, type HopAnswer, type Incoming, type Outgoing } from "../../../core-services/gateway/egress/redirects.ts";
import type { OwnEgressRules } from "../../../core-services/gateway/egress/rules.ts";
import { configOf } from "../../../core-services/auth/config.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import type { Via } from "../capabilities.ts";
import { DoError, publicError } from "../errors.ts";
import type { Turns } from "../executor/budget.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import { wayOutOfTenant } from "../executor/network.ts";
import { fetchFunction } from "./fetch.ts";

/** The outbound Worker of a dispatcher: the requests of all that the dispatcher calls go to its `fetch`. */
export interface Outbound {
  /** A function of the same tenant's. */
  readonly service: string;
  readonly entrypoint: string;
  /** What its `env` has beside its own: what the dispatcher gave for the parameters that its binding declares. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Where its own requests go: to the outbound Worker that the dispatcher is under; undefined: out. */
  readonly outer: Outbound | undefined;
}

/** Sends one request of code. @throws DoError */
export type Send = (sent: Outgoing) => Promise<Incoming>;

export interface Sender {
  readonly tenant: string;
  readonly via: Via;
  /** Of a function: what it may reach of what it could. */
  readonly ownRules: OwnEgressRules | undefined;
}

/** How the requests of one execution leave: by the rules of its tenant, or to the outbound Worker that it is under. */
export function senderOf(deps: ExecuteDeps, sender: Sender, self: Parent): Send {
  const { outbound } = self;
  if (outbound) {
    const turns: Turns = { inFlight: 0 };
    return (sent) => followed(sent, (hop) => askOutbound(deps, { ...sender, outbound, turns, self, signal: sent.signal }, hop));
  }
  // Asked for at the first request: most code makes none.
  let way: Promise<WayOut> | undefined;
  return async (sent) => {
    way ??= wayOutOfTenant(deps.env, sender.tenant, sender.via.cdnLoop);
    return guardedRequest({ ...(await way), ownRules: sender.ownRules }, sent);
  };
}

interface Asker extends Sender {
  readonly outbound: Outbound;
  readonly turns: Turns;
  readonly self: Parent;
  readonly signal: AbortSignal;
}

async function askOutbound(deps: ExecuteDeps, asker: Asker, { url, method, headers, body }: Hop): Promise<HopAnswer> {
  const { tenant, via, ownRules, outbound, turns, self, signal } = asker;
  const own = ownRules && decide(ownRules, { url, method, headers }, configOf(deps.env.DO_CONFIG).loopbackOrigins);
  if (own?.kind === "denied") throw egressDenied(url, own.reason, `${own.why}, of the function's own rules`);
  try {
    const live = await functionsOf(deps.env, tenant).resolve(outbound.service, {}, Math.random());
    const { response } = await fetchFunction(deps, {
      tenant,
      live,
      entrypoint: outbound.entrypoint,
      request: { url: url.href, method, headers: [...headers] },
      body: body === undefined ? null : new Response(body as BodyInit).body,
      props: {},
      params: outbound.params,
      outbound: outbound.outer,
      limits: {},
      via,
      parent: self,
      turns,
      signal,
    });
    const answered = new Headers(response.headers as [string, string][]);
    // An answer without a body cannot be made with one.
    const hasNoBody = [101, 204, 205, 304].includes(response.status);
    return { response: new Response(hasNoBody ? null : response.body, { status: response.status, headers: answered }), isLast: false };
  } catch (error) {
    throw notAnswered(url, publicError(error, via.requestId));
  }
}

/** What went wrong is in the record of the outbound Worker: whose code asked is not told how that is made. */
function notAnswered(url: URL, { code, reason = code }: DoError): DoError {
  const known = code === "TIMEOUT" || code === "CANCELLED" || code === "LIMIT_EXCEEDED" ? code : "UPSTREAM";
  return new DoError(known, `Cannot fetch ${url.origin}: the outbound Worker gave no answer (${reason})`, {
    reason: "OUTBOUND_FAILED",
    retryable: false,
  });
}
