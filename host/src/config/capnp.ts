/** The configuration of workerd as text. What a process may touch is what stands in its configuration. */
import { join, relative } from "node:path";

export const COMPATIBILITY_DATE = "2026-11-17";

/** Both sides of a connection for Workers RPC must say the same word. */
const RPC_HOST = "do";

export interface WorkerText {
  readonly modules: readonly string[];
  readonly bindings: readonly string[];
  /** `(className, uniqueKey)` of each Durable Object; a unique key names a folder of stored data and must never change. */
  readonly durableObjects: readonly { className: string; uniqueKey: string }[];
}

export function text(value: string): string {
  return JSON.stringify(value);
}

/** A file of the bundle: paths are relative to the configuration. */
export function embed(kind: "esModule" | "data", configDir: string, bundleDir: string, file: string): string {
  return `(name = ${text(file)}, ${kind} = embed ${text(relative(configDir, join(bundleDir, file)))})`;
}

export function worker({ modules, bindings, durableObjects }: WorkerText): string {
  const namespaces = durableObjects.map(
    ({ className, uniqueKey }) => `(className = "${className}", uniqueKey = "${uniqueKey}", enableSql = true)`,
  );
  return `(
      compatibilityFlags = ["global_fetch_strictly_public"],
      modules = [
        ${modules.join(",\n        ")},
      ],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      bindings = [
        ${bindings.join(",\n        ")},
      ],
      ${namespaces.length > 0 ? `durableObjectNamespaces = [${namespaces.join(", ")}],\n      durableObjectStorage = (localDisk = "storage"),` : ""}
      globalOutbound = "nowhere",
    )`;
}

/** A process that is called over Workers RPC on a unix socket. */
export function rpcService(name: string, socketPath: string): string {
  return `(name = "${name}", external = (address = ${text(`unix:${socketPath}`)}, http = (capnpConnectHost = "${RPC_HOST}")))`;
}

/** A process that is called over HTTP on a unix socket. */
export function httpService(name: string, socketPath: string): string {
  return `(name = "${name}", external = (address = ${text(`unix:${socketPath}`)}, http = ()))`;
}

export function binding(name: string, is: string): string {
  return `(name = "${name}", ${is})`;
}

export function disk(path: string): string {
  return `(name = "storage", disk = (path = ${text(path)}, writable = true))`;
}

/** The same, in a folder that the command line names. */
export const DISK_BY_COMMAND = '(name = "storage", disk = (writable = true))';

/** A way out, to these addresses alone: `public` is what everybody can reach. It looks at each address that it connects to. */
export function network(name: string, allow: readonly string[]): string {
  return `(name = "${name}", network = (allow = [${allow.map(text).join(", ")}], tlsOptions = (trustBrowserCas = true)))`;
}

export interface ConfigText {
  readonly main: string;
  readonly services: readonly string[];
  readonly isRpc: boolean;
  readonly v8Flags: readonly string[];
}

/** One Worker that listens on the socket `main`. No process has a network: what it may call is named. */
export function config({ main, services, isRpc, v8Flags }: ConfigText): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = ${main}),
    (name = "nowhere", network = (allow = [])),
    ${services.join(",\n    ")}
  ],
  sockets = [(name = "main", http = (${isRpc ? `capnpConnectHost = "${RPC_HOST}"` : 'forwardedProtoHeader = "x-do-scheme"'}), service = "main")],
  v8Flags = [${v8Flags.map(text).join(", ")}],
  logging = (structuredLogging = true),
);
`;
}
