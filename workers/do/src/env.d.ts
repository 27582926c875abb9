/** The bindings of wrangler.jsonc and of the host's workerd configuration: the two must name the same. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("./index.ts");
    durableNamespaces:
      | "Accounts"
      | "AuthorizationServer"
      | "Database"
      | "Executions"
      | "Functions"
      | "Packages"
      | "Queues"
      | "Realm"
      | "ResponseCache"
      | "RoutedTenants"
      | "SqlDatabase"
      | "Timetable"
      | "Traffic";
  }
  interface Env {
    LOADER: WorkerLoader;
    DATABASE: DurableObjectNamespace<import("../../core-services/db/database.ts").Database>;
    ACCOUNTS: DurableObjectNamespace<import("../../core-services/auth/accounts.ts").Accounts>;
    OAUTH: DurableObjectNamespace<import("../../core-services/auth/oauth/authorization-server.ts").AuthorizationServer>;
    REALM: DurableObjectNamespace<import("../../core-services/auth/realm.ts").Realm>;
    SQL_DATABASE: DurableObjectNamespace<import("../../core-services/db/sql-database.ts").SqlDatabase>;
    TIMETABLE: DurableObjectNamespace<import("../../core-services/schedule/timetable.ts").Timetable>;
    QUEUES: DurableObjectNamespace<import("../../core-services/queue/queues.ts").Queues>;
    EXECUTIONS: DurableObjectNamespace<import("./executions/executions.ts").Executions>;
    FUNCTIONS: DurableObjectNamespace<import("../../core-services/gateway/functions/functions.ts").Functions>;
    FUNCTION_OBJECTS: DurableObjectNamespace<import("./objects/function-object.ts").FunctionObject>;
    PACKAGES: DurableObjectNamespace<import("../../core-services/gateway/packages/packages.ts").Packages>;
    RESPONSE_CACHE: DurableObjectNamespace<import("../../core-services/gateway/cache/response-cache.ts").ResponseCache>;
    ROUTED_TENANTS: DurableObjectNamespace<import("../../core-services/gateway/routes/routed-tenants.ts").RoutedTenants>;
    TRAFFIC: DurableObjectNamespace<import("../../core-services/gateway/traffic.ts").Traffic>;
    /** The way out, to public addresses only; code reaches it through the rules of its tenant (executor/network.ts). */
    EGRESS: Fetcher;
    /** The way to this machine and nowhere else, where the configuration names `loopbackOrigins`. */
    EGRESS_LOOPBACK?: Fetcher;
    /** Absent: every credential is refused. */
    DO_ROOT_KEY?: string;
    /** What the secrets of functions are encrypted under, at least 32 characters; absent: none are taken. */
    DO_SECRETS_KEY?: string;
    /** Tiers, issuers and the like as JSON (core-services/auth/config.ts); absent or empty: the defaults. */
    DO_CONFIG?: string;
    /** Whose word on the peer's address is taken: `host` (x-do-peer), `cloudflare` (CF-Connecting-IP); else nobody's. */
    DO_TRUSTED_INGRESS?: string;
  }
}

/** Bytes of a file of the build (wrangler `rules`, esbuild loader `binary`). */
declare module "*.wasm" {
  const bytes: ArrayBuffer;
  export default bytes;
}
