/** The configuration of workerd, generated: what the process may touch is what stands here. */
import { join, relative } from "node:path";
import { BUNDLE_FILES } from "./bundle.ts";

export interface WorkerdConfigOptions {
  /** Where the configuration will be written: paths in it are relative to it. */
  readonly configDir: string;
  readonly bundleDir: string;
  readonly storageDir: string;
}

/** Names here are those of wrangler.jsonc; a unique key names a folder of stored data and must never change. */
const DURABLE_OBJECTS = [
  { binding: "DATABASE", className: "Database", uniqueKey: "do-database" },
  { binding: "SQL_DATABASE", className: "SqlDatabase", uniqueKey: "do-sql-database" },
  { binding: "EXECUTIONS", className: "Executions", uniqueKey: "do-executions" },
] as const;

export const COMPATIBILITY_DATE = "2026-11-17";

/** Cap'n Proto text for `workerd serve`. Secrets are not in it: they come from the environment of the process. */
export function workerdConfig({ configDir, bundleDir, storageDir }: WorkerdConfigOptions): string {
  const embed = (file: string) => JSON.stringify(relative(configDir, join(bundleDir, file)));
  const namespaces = DURABLE_OBJECTS.map(
    ({ className, uniqueKey }) => `(className = "${className}", uniqueKey = "${uniqueKey}", enableSql = true)`,
  );
  const bindings = DURABLE_OBJECTS.map(({ binding, className }) => `(name = "${binding}", durableObjectNamespace = "${className}")`);
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "do", worker = (
      modules = [
        (name = "${BUNDLE_FILES.main}", esModule = embed ${embed(BUNDLE_FILES.main)}),
        (name = "${BUNDLE_FILES.compiler}", data = embed ${embed(BUNDLE_FILES.compiler)}),
      ],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      bindings = [
        (name = "LOADER", workerLoader = ()),
        (name = "DO_ROOT_KEY", fromEnvironment = "DO_ROOT_KEY"),
        ${bindings.join(",\n        ")},
      ],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "storage"),
      globalOutbound = "nowhere",
    )),
    (name = "storage", disk = (path = ${JSON.stringify(storageDir)}, writable = true)),
    # do itself calls nobody, and what it loads has globalOutbound null.
    (name = "nowhere", network = (allow = [])),
  ],
  sockets = [(name = "http", http = (), service = "do")],
);
`;
}
