/** do as one Worker in one workerd, as it is on Cloudflare: for tests and measurements, since nothing ends its code there. */
import { binding, worker } from "./capnp.ts";

const DURABLE_OBJECTS = [
  { binding: "DATABASE", className: "Database", uniqueKey: "do-database" },
  { binding: "SQL_DATABASE", className: "SqlDatabase", uniqueKey: "do-sql-database" },
  { binding: "EXECUTIONS", className: "Executions", uniqueKey: "do-executions" },
  { binding: "ACCOUNTS", className: "Accounts", uniqueKey: "do-accounts" },
  { binding: "OAUTH", className: "AuthorizationServer", uniqueKey: "do-oauth" },
  { binding: "REALM", className: "Realm", uniqueKey: "do-realm" },
  { binding: "FUNCTIONS", className: "Functions", uniqueKey: "do-functions" },
  { binding: "RESPONSE_CACHE", className: "ResponseCache", uniqueKey: "do-response-cache" },
  { binding: "ROUTED_TENANTS", className: "RoutedTenants", uniqueKey: "do-routed-tenants" },
  { binding: "TRAFFIC", className: "Traffic", uniqueKey: "do-traffic" },
  { binding: "TIMETABLE", className: "Timetable", uniqueKey: "do-timetable" },
  { binding: "QUEUES", className: "Queues", uniqueKey: "do-queues" },
  { binding: "FUNCTION_OBJECTS", className: "FunctionObject", uniqueKey: "do-function-objects" },
  { binding: "PACKAGES", className: "Packages", uniqueKey: "do-packages" },
];

/** All of do as one Worker, `index.js` beside the configuration. */
export function wholeDo(extraBindings: readonly string[] = []): string {
  return worker({
    modules: ['(name = "index.js", esModule = embed "index.js")', '(name = "esbuild.wasm", data = embed "esbuild.wasm")'],
    bindings: [
      binding("LOADER", "workerLoader = ()"),
      binding("EGRESS", 'service = "nowhere"'),
      binding("DO_ROOT_KEY", 'fromEnvironment = "DO_ROOT_KEY"'),
      binding("DO_SECRETS_KEY", 'fromEnvironment = "DO_SECRETS_KEY"'),
      ...extraBindings,
      ...DURABLE_OBJECTS.map((object) => binding(object.binding, `durableObjectNamespace = "${object.className}"`)),
    ],
    durableObjects: DURABLE_OBJECTS,
  });
}
