import { executorOf } from "#seam";
import { waitUntil } from "cloudflare:workers";
import { configOf } from "../../core-services/auth/config.ts";
import { realmOf } from "../../core-services/auth/realm.ts";
import type { ServiceName, WhoAmI } from "../../../sdk/src/types.ts";
import type { Sponsor } from "../../core-services/shared/background.ts";
import type { Authenticated, Authenticator, Circumstances, SigningKey } from "./authenticate.ts";
import { UNMETERED, type Authority, type Meter } from "./capabilities.ts";
import { Engine } from "./functions/engine.ts";
import { policy, whoAmI, within, type Policy } from "./policy.ts";
import type { Principal } from "./principal.ts";
import { refused } from "./refused.ts";

/**
 * On what a session stands: who it is, what that may do now, and how it is found out again. Over RPC a session outlives
 * the request that made it, so each call asks anew: what was revoked since is refused, what was changed holds.
 */
export class Standing {
  readonly principal: Principal;
  readonly circumstances: Circumstances;
  readonly #env: Cloudflare.Env;
  readonly #again: () => Promise<Authenticated | undefined>;
  #authenticated: Authenticated;
  #policy: Policy;

  private constructor(
    env: Cloudflare.Env,
    circumstances: Circumstances,
    authenticated: Authenticated,
    again: () => Promise<Authenticated | undefined>,
  ) {
    this.#env = env;
    this.circumstances = circumstances;
    this.principal = authenticated.principal;
    this.#authenticated = authenticated;
    this.#policy = policyFor(env, authenticated);
    this.#again = again;
  }

  /** Of a binding whose props name a principal, or of nobody. */
  static ofProps(env: Cloudflare.Env, principal: Principal, circumstances: Circumstances, now: () => number): Standing {
    const known = { principal: asConfigured(env, principal), scopes: undefined, credential: undefined, rates: [] };
    return new Standing(env, circumstances, known, () => countKnown(env, known, circumstances, now));
  }

  /** @throws DoError UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE */
  static async ofCredential(
    env: Cloudflare.Env,
    authenticator: Authenticator,
    credential: unknown,
    circumstances: Circumstances,
  ): Promise<Standing> {
    const again = () => authenticator.authenticate(credential, circumstances, 1);
    return new Standing(env, circumstances, await again(), again);
  }

  /** Of whom work is done for later. @throws DoError UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED, UNAVAILABLE */
  static async onBehalf(
    env: Cloudflare.Env,
    authenticator: Authenticator,
    sponsor: Sponsor,
    circumstances: Circumstances,
  ): Promise<Standing> {
    const again = () => authenticator.sponsored(sponsor, circumstances.requestId);
    return new Standing(env, circumstances, await again(), again);
  }

  /** Of a key that has signed the request. @throws DoError UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE */
  static async ofSignature(
    env: Cloudflare.Env,
    authenticator: Authenticator,
    key: SigningKey,
    scopes: readonly string[],
    circumstances: Circumstances,
  ): Promise<Standing> {
    const again = () => authenticator.signed(key, scopes, circumstances, 1);
    return new Standing(env, circumstances, await again(), again);
  }

  get policy(): Policy {
    return this.#policy;
  }

  get rates(): Authenticated["rates"] {
    return this.#authenticated.rates;
  }

  whoAmI(): WhoAmI {
    return whoAmI(this.principal, this.#policy, this.#authenticated.credential, this.#authenticated.rates);
  }

  /** Counts one more call, and takes what its credential grants now. */
  async renew(): Promise<void> {
    const authenticated = await this.#again();
    if (!authenticated) return;
    this.#authenticated = authenticated;
    this.#policy = policyFor(this.#env, authenticated);
  }

  /** For calls that are requests of their own, each counted. */
  metered(): Authority {
    return this.#authority({
      call: async (_call, run) => {
        await this.renew();
        return run();
      },
    });
  }

  /** For the calls of a request that was counted when it came. */
  counted(): Authority {
    return this.#authority(UNMETERED);
  }

  #authority(meter: Meter): Authority {
    const { principal, circumstances } = this;
    const services = servicesOf(this.#env, principal);
    const policyNow = () => this.#policy;
    const via = { ...circumstances, credential: this.#authenticated.credential, rates: () => this.rates };
    const deps = { env: this.#env, executor: executorOf(this.#env), now: Date.now, waitUntil };
    return {
      principal,
      get policy() {
        return policyNow();
      },
      services,
      meter,
      via,
      functions: new Engine(deps, principal.tenant, via, undefined),
    };
  }
}

function policyFor(env: Cloudflare.Env, { principal, scopes }: Authenticated): Policy {
  const ofTier = policy(principal, configOf(env.DO_CONFIG).tiers);
  return scopes === undefined ? ofTier : within(ofTier, scopes);
}

/** For a caller the scopes decide, of all that its tier has and of auth, which most tiers do not give to code. */
function servicesOf(env: Cloudflare.Env, principal: Principal): ServiceName[] {
  return [...new Set([...policy(principal, configOf(env.DO_CONFIG).tiers).services, "auth" as const])];
}

/** Whoever sends no credential is nobody, unless the configuration says in which tier nobody is. */
function asConfigured(env: Cloudflare.Env, principal: Principal): Principal {
  const { anonymousTier } = configOf(env.DO_CONFIG);
  return principal.kind === "anonymous" && anonymousTier !== undefined ? Object.freeze({ ...principal, tier: anonymousTier }) : principal;
}

async function countKnown(
  env: Cloudflare.Env,
  known: Authenticated,
  { address }: Circumstances,
  now: () => number,
): Promise<Authenticated | undefined> {
  const { principal } = known;
  const { perMinute, tenantPerMinute, mayExecute } = policyFor(env, known);
  // Who may do nothing has nothing to count.
  if ((perMinute === null && tenantPerMinute === null) || (principal.kind === "anonymous" && !mayExecute)) return undefined;
  const id = principal.kind === "anonymous" ? `anonymous:${address ?? ""}` : principal.id;
  const entry = await realmOf(env, principal.tenant).enter({ kind: "known", id, tier: principal.tier, cost: 1 }, now());
  if (entry.refusal !== undefined) throw refused(entry.refusal, entry);
  return { ...known, rates: entry.rates };
}
