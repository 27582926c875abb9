import { DoError } from "../../../../sdk/src/errors.ts";
import { decide, type Asked, type Decision, type DenyReason } from "./decide.ts";
import { filled, secretsIn, unfitSecret, type NamedSecrets } from "./added-headers.ts";
import { followed, withoutFragment, type Hop, type Incoming, type Outgoing } from "./redirects.ts";
import type { EgressRule, EgressRules, OwnEgressRules } from "./rules.ts";

/** A network, as a service binding has it. */
export interface Network {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Where requests leave do: the rules of a tenant, and the networks that there are. */
export interface WayOut {
  readonly rules: EgressRules;
  /** Of who asks, beside: both must allow a request. */
  readonly ownRules?: OwnEgressRules | undefined;
  /** Public addresses only. That a name does not lead to another one, it sees each time it connects. */
  readonly publicNetwork: Network;
  /** This machine only, for the origins that the operator names; without it nothing here is reached. */
  readonly localNetwork: Network | undefined;
  readonly loopbackOrigins: readonly string[];
  /** What each request says of the way that it came (cdn-loop.ts). */
  readonly cdnLoop: string;
  /** Asked for at each request that needs one: they may have changed since the last. */
  readonly secrets: NamedSecrets;
}

/**
 * The one way by which requests of code, routes and background work leave do. The rules are asked for each hop, and
 * what they add to a request is not seen by whoever asked.
 * @throws DoError INVALID_ARGUMENT; PERMISSION_DENIED `EGRESS_DENIED`; UPSTREAM; TIMEOUT
 */
export function guardedRequest(way: WayOut, sent: Outgoing): Promise<Incoming> {
  return followed(sent, async ({ url, method, headers, body }) => {
    const decision = decideBoth(way, { url, method, headers });
    if (decision.kind === "denied") throw egressDenied(url, decision.reason, decision.why);
    if (decision.kind === "answered") return { response: canned(decision.answer), isLast: true };
    const added = await addedHeaders(way, url, decision);
    const said = merged(headers, { ...sent.says, ...added, "cdn-loop": way.cdnLoop });
    return { response: await exchange(way, url, { method, headers: said, body, signal: sent.signal }), isLast: false };
  });
}

/** What the tenant's rules say, if those of who asks allow it. */
function decideBoth({ rules, ownRules, loopbackOrigins }: WayOut, asked: Asked): Decision {
  const own = ownRules && decide(ownRules, asked, loopbackOrigins);
  return own?.kind === "denied" ? { ...own, why: `${own.why}, of the function's own rules` } : decide(rules, asked, loopbackOrigins);
}

/** @throws DoError PERMISSION_DENIED for a secret that is not there: nothing is sent without it */
async function addedHeaders(
  { secrets }: WayOut,
  url: URL,
  { rule, inject }: Extract<Decision, { kind: "allowed" }>,
): Promise<Record<string, string>> {
  const names = secretsIn(inject);
  const values = names.length > 0 ? await secrets.values(names) : {};
  const unfit = unfitSecret(rule, inject, values);
  if (unfit) throw egressDenied(url, unfit.reason, unfit.why);
  return filled(inject, values);
}

type Sent = Omit<Hop, "url"> & Pick<Outgoing, "signal">;

async function exchange(way: WayOut, url: URL, { method, headers, body, signal }: Sent): Promise<Response> {
  const network = way.loopbackOrigins.includes(url.origin) ? way.localNetwork : way.publicNetwork;
  if (!network) throw egressDenied(url, "PRIVATE_ADDRESS", "there is no way to this machine");
  try {
    return await network.fetch(withoutFragment(url), {
      method,
      headers,
      redirect: "manual",
      signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    if (signal.aborted) throw timedOut(url);
    // Its words are those of the runtime, and may say where a name led to.
    throw new DoError("UPSTREAM", `Cannot fetch ${url.origin}: it could not be reached`, { reason: "UNREACHABLE", retryable: true });
  }
}

export function timedOut(url: URL): DoError {
  return new DoError("TIMEOUT", `Cannot fetch ${url.origin}: it did not answer in time`, { reason: "UPSTREAM_TIMEOUT" });
}

function merged(headers: Headers, inject: Readonly<Record<string, string>>): Headers {
  const all = new Headers(headers);
  for (const [name, value] of Object.entries(inject)) all.set(name, value);
  // Of all that asks through do, a place can tell that it was do; who it was, it is not told.
  if (!all.has("user-agent")) all.set("user-agent", "do");
  return all;
}

function canned({ statusCode, headers = {}, body, contentType }: NonNullable<EgressRule["response"]>): Response {
  const all = new Headers(headers);
  if (contentType !== undefined) all.set("content-type", contentType);
  const hasBody = body !== undefined && ![204, 205, 304].includes(statusCode);
  // As bytes: of a text a Response would say itself what type it is.
  return new Response(hasBody ? new TextEncoder().encode(body) : null, { status: statusCode, headers: all });
}

export function egressDenied(url: URL, reason: DenyReason, why: string): DoError {
  return new DoError("PERMISSION_DENIED", `Cannot fetch ${url.origin}: ${why} (docs/egress.md)`, {
    reason: "EGRESS_DENIED",
    details: { origin: url.origin, rule: reason },
  });
}
