import { databaseOf } from "#seam";
import { accountsOf } from "../../core-services/auth/accounts.ts";
import { isPlatform } from "../../core-services/auth/actor.ts";
import { configOf, type Config } from "../../core-services/auth/config.ts";
import { authorizationServerOf } from "../../core-services/auth/oauth/authorization-server.ts";
import { realmOf } from "../../core-services/auth/realm.ts";
import type { authDefinition } from "../../core-services/auth/schema.ts";
import { authService } from "../../core-services/auth/service.ts";
import type { Inspected } from "../../core-services/auth/service/deps.ts";
import { dbService } from "../../core-services/db/service.ts";
import { responseCacheOf } from "../../core-services/gateway/cache/response-cache.ts";
import { egressSecretsOf, functionsOf } from "../../core-services/gateway/functions/functions.ts";
import type { FunctionsDeps } from "../../core-services/gateway/functions/service.ts";
import { packagesOf } from "../../core-services/gateway/packages/packages.ts";
import type { PackagesDeps } from "../../core-services/gateway/packages/service.ts";
import { routedTenantsOf } from "../../core-services/gateway/routes/routed-tenants.ts";
import type { gatewayDefinition } from "../../core-services/gateway/schema.ts";
import { gatewayService } from "../../core-services/gateway/service.ts";
import type { GatewayDeps } from "../../core-services/gateway/service/deps.ts";
import { trafficOf } from "../../core-services/gateway/traffic.ts";
import type { queueDefinition } from "../../core-services/queue/schema.ts";
import { queueService } from "../../core-services/queue/service.ts";
import { queuesOf } from "../../core-services/queue/tenant.ts";
import { scheduleService } from "../../core-services/schedule/service.ts";
import { timetableOf } from "../../core-services/schedule/timetable.ts";
import type { Implementation, ServiceDefinition } from "../../core-services/shared/method.ts";
import type { ServiceName } from "../../../sdk/src/types.ts";
import { actorOf } from "./actor.ts";
import { issuerOf } from "./authenticate-jwt.ts";
import { signingCredentialsOf } from "./authenticate-signature.ts";
import { RealmAuthenticator, type Authenticated } from "./authenticate.ts";
import type { Authority } from "./capabilities.ts";
import { policy as policyOf, whoAmI, within } from "./policy.ts";
import { sponsorOf } from "./sponsor.ts";

/** What runs when a call of a service has been granted: each service, made for who calls. `invoke()` alone asks for it. */

export type Handler = (...args: unknown[]) => Promise<unknown>;

/** A Map: a method's name comes from outside, and an object has more names than its own. */
export function implementation(env: Cloudflare.Env, authority: Authority, service: ServiceName): Map<string, Handler> {
  const { principal, policy: granted } = authority;
  switch (service) {
    case "db": {
      const { id, kind, tenant, tier } = principal;
      return handlers(dbService(databaseOf(env, tenant), { id, kind, tier, scopes: granted.scopes }, Date.now));
    }
    case "queue":
      return handlers(queueServiceOf(env, authority));
    case "auth":
      return handlers(authServiceOf(env, authority));
    case "gateway":
      return handlers(gatewayServiceOf(env, authority));
    case "schedule": {
      const timetable = timetableOf(env, principal.tenant);
      return handlers(scheduleService({ timetable, sponsor: () => sponsorOf(authority), callerId: principal.id, now: Date.now }));
    }
    default:
      return new Map();
  }
}

function queueServiceOf(env: Cloudflare.Env, authority: Authority): Implementation<typeof queueDefinition> {
  const { tenant, id } = authority.principal;
  return queueService({
    queues: queuesOf(env, tenant),
    callerId: id,
    sponsor: () => sponsorOf(authority),
    sqsCredentials: () => signingCredentialsOf(env, authority),
    now: Date.now,
  });
}

function authServiceOf(env: Cloudflare.Env, authority: Authority): Implementation<typeof authDefinition> {
  const { principal, policy, via } = authority;
  const config = configOf(env.DO_CONFIG);
  return authService({
    realm: realmOf(env, principal.tenant),
    realmOf: (tenant) => realmOf(env, tenant),
    oauth: authorizationServerOf(env),
    tiers: config.tiers,
    accounts: accountsOf(env),
    actor: actorOf(authority),
    now: Date.now,
    whoAmI: async () => whoAmI(principal, policy, via.credential, via.rates()),
    issuer: issuerOf(config, via.origin),
    inspect: async (credential) => inspected(await new RealmAuthenticator(env, Date.now).authenticate(credential, via, 0), config),
  });
}

function gatewayServiceOf(env: Cloudflare.Env, authority: Authority): Implementation<typeof gatewayDefinition> {
  return gatewayService({
    functions: functionsDeps(env, authority),
    packages: packagesDeps(env, authority),
    traffic: trafficDeps(env, authority),
  });
}

function trafficDeps(env: Cloudflare.Env, authority: Authority): GatewayDeps {
  const { principal, via } = authority;
  return {
    traffic: trafficOf(env, principal.tenant),
    cache: responseCacheOf(env, principal.tenant),
    secrets: egressSecretsOf(env, principal.tenant),
    routedTenants: routedTenantsOf(env),
    caller: { id: principal.id, isGuest: via.isGuest, tenant: principal.tenant },
    sponsor: () => sponsorOf(authority),
    loopbackOrigins: configOf(env.DO_CONFIG).loopbackOrigins,
    nowMs: Date.now,
  };
}

function functionsDeps(env: Cloudflare.Env, authority: Authority): FunctionsDeps {
  const { principal, policy } = authority;
  const actor = actorOf(authority);
  const codeScopes = within(policy, [...policy.services.map((service) => `${service}:*`), "executions:write"]).scopes;
  return {
    store: functionsOf(env, principal.tenant),
    packages: packagesOf(env),
    engine: authority.functions,
    caller: {
      id: principal.id,
      isGuest: authority.via.isGuest,
      tier: policy.tier,
      limits: policy,
      scopes: actor.scopes,
      codeScopes: authority.via.isGuest ? actor.scopes : codeScopes,
    },
    now: Date.now,
  };
}

function packagesDeps(env: Cloudflare.Env, authority: Authority): PackagesDeps {
  const caller = { id: authority.principal.id, isOperator: isPlatform(actorOf(authority)) };
  return { packages: packagesOf(env), caller, now: Date.now };
}

/** What a credential stands for, with all of its scopes said. */
function inspected({ principal, scopes, credential }: Authenticated, { tiers }: Config): Inspected {
  const { id, source = "", expiresMs } = credential ?? { id: "", expiresMs: undefined };
  return { principal, scopes: scopes ?? policyOf(principal, tiers).scopes, credential: { id, source, expiresMs } };
}

function handlers<S extends ServiceDefinition>(implemented: Implementation<S>): Map<string, Handler> {
  // The arguments were parsed by the same definition that types them.
  return new Map(Object.entries<Handler>(implemented as unknown as Record<string, Handler>));
}
