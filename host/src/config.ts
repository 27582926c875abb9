/** The configuration of workerd, generated: what the process may touch is what stands here. */
import { join, relative } from "node:path";
import { BUNDLE_FILES } from "./bundle.ts";

export interface WorkerdConfigOptions {
  /** Where the configuration will be written: paths in it are relative to it. */
  readonly configDir: string;
  readonly bundleDir: string;
  readonly storageDir: string;
  /** Lets EGRESS reach this machine: for tests whose issuers are here. */
  readonly egressToLoopback?: boolean;
}

/** Names here are those of wrangler.jsonc; a unique key names a folder of stored data and must never change. */
const DURABLE_OBJECTS = [
  { binding: "DATABASE", className: "Database", uniqueKey: "do-database" },
  { binding: "EXECUTIONS", className: "Executions", uniqueKey: "do-executions" },
  { binding: "ACCOUNTS", className: "Accounts", uniqueKey: "do-accounts" },
  { binding: "OAUTH", className: "AuthorizationServer", uniqueKey: "do-oauth" },
  { binding: "REALM", className: "Realm", uniqueKey: "do-realm" },
] as const;

export const COMPATIBILITY_DATE = "2026-11-17";

/** Cap'n Proto text for `workerd serve`. Secrets are not in it: they come from the environment of the process. */
export function workerdConfig({ configDir, bundleDir, storageDir, egressToLoopback = false }: WorkerdConfigOptions): string {
  const embed = (file: string) => JSON.stringify(relative(configDir, join(bundleDir, file)));
  const namespaces = DURABLE_OBJECTS.map(
    ({ className, uniqueKey }) => `(className = "${className}", uniqueKey = "${uniqueKey}", enableSql = true)`,
  );
  const bindings = DURABLE_OBJECTS.map(({ binding, className }) => `(name = "${binding}", durableObjectNamespace = "${className}")`);
  const allowed = ["public", ...(egressToLoopback ? ["127.0.0.1/32"] : [])].map((network) => JSON.stringify(network)).join(", ");
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "do", worker = (
      modules = [
        (name = "${BUNDLE_FILES.main}", esModule = embed ${embed(BUNDLE_FILES.main)}),
        (name = "${BUNDLE_FILES.compiler}", data = embed ${embed(BUNDLE_FILES.compiler)}),
      ],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      compatibilityFlags = ["global_fetch_strictly_public"],
      bindings = [
        (name = "LOADER", workerLoader = ()),
        (name = "EGRESS", service = "public"),
        (name = "DO_ROOT_KEY", fromEnvironment = "DO_ROOT_KEY"),
        (name = "DO_CONFIG", fromEnvironment = "DO_CONFIG"),
        (name = "DO_TRUSTED_INGRESS", fromEnvironment = "DO_TRUSTED_INGRESS"),
        ${bindings.join(",\n        ")},
      ],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "storage"),
      globalOutbound = "nowhere",
    )),
    (name = "storage", disk = (path = ${JSON.stringify(storageDir)}, writable = true)),
    # do itself calls nobody but by EGRESS, and what it loads has globalOutbound null.
    (name = "nowhere", network = (allow = [])),
    (name = "public", network = (allow = [${allowed}], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", http = (), service = "do")],
);
`;
}
