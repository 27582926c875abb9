/** The configuration of each kind of process. */
import { BUNDLE_FILES } from "../bundle.ts";
import { binding, config, disk, DISK_BY_COMMAND, embed, httpService, network, rpcService, worker } from "./capnp.ts";

export interface Place {
  /** Where the configuration will be written: paths in it are relative to it. */
  readonly configDir: string;
  readonly bundleDir: string;
}

export interface FrontOptions extends Place {
  readonly storageDir: string;
  /** Whether there is a way to this machine, for the origins that the configuration names. */
  readonly egressToLoopback: boolean;
  readonly supervisorSocket: string;
  readonly executorSockets: readonly string[];
  readonly compilerSockets: readonly string[];
  readonly homeSockets: readonly string[];
  readonly storeSockets: readonly string[];
}

/** Names here are those of wrangler.jsonc. */
const FRONT_OBJECTS = [
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
  { binding: "PACKAGES", className: "Packages", uniqueKey: "do-packages" },
];
const STORE_OBJECTS = [
  { binding: "DATABASE", className: "Database", uniqueKey: "do-database" },
  { binding: "SQL_DATABASE", className: "SqlDatabase", uniqueKey: "do-sql-database" },
];

const LOADER = binding("LOADER", "workerLoader = ()");

/** The trusted process: HTTP, do, its services and what they store. It makes no isolates, and only EGRESS leads out. Secrets come from its environment. */
export function frontConfig(options: FrontOptions): string {
  const {
    configDir,
    bundleDir,
    storageDir,
    egressToLoopback,
    supervisorSocket,
    executorSockets,
    compilerSockets,
    homeSockets,
    storeSockets,
  } = options;
  const processes = [
    ...executorSockets.map((socket, i) => ({ name: `EXECUTOR_${i}`, socket })),
    ...compilerSockets.map((socket, i) => ({ name: `COMPILER_${i}`, socket })),
    ...homeSockets.map((socket, i) => ({ name: `HOME_${i}`, socket })),
    ...storeSockets.map((socket, i) => ({ name: `STORE_${i}`, socket })),
  ];
  return config({
    main: worker({
      modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.front)],
      bindings: [
        binding("DO_ROOT_KEY", 'fromEnvironment = "DO_ROOT_KEY"'),
        binding("DO_SECRETS_KEY", 'fromEnvironment = "DO_SECRETS_KEY"'),
        binding("DO_CONFIG", 'fromEnvironment = "DO_CONFIG"'),
        binding("DO_TRUSTED_INGRESS", 'text = "host"'),
        binding("DO_STORES", `json = "${storeSockets.length}"`),
        ...FRONT_OBJECTS.map((object) => binding(object.binding, `durableObjectNamespace = "${object.className}"`)),
        binding("EGRESS", 'service = "public"'),
        ...(egressToLoopback ? [binding("EGRESS_LOOPBACK", 'service = "loopback"')] : []),
        binding("SUPERVISOR", 'service = "supervisor"'),
        ...processes.map(({ name }) => binding(name, `service = "${name}"`)),
      ],
      durableObjects: FRONT_OBJECTS,
    }),
    services: [
      disk(storageDir),
      network("public", ["public"]),
      ...(egressToLoopback ? [network("loopback", ["127.0.0.1/32"])] : []),
      httpService("supervisor", supervisorSocket),
      ...processes.map(({ name, socket }) => rpcService(name, socket)),
    ],
    isRpc: false,
    v8Flags: [],
  });
}

export interface ExecutorOptions {
  readonly maxMemoryMb: number;
  readonly regexpFallback: boolean;
}

/**
 * Patterns that backtrack without end are run by another engine, which does not; not those with look-around or references.
 * V8's caches of compiled code are for other flags than these: each isolate takes 0.6 ms more.
 */
const REGEXP_FALLBACK = ["--enable-experimental-regexp-engine-on-excessive-backtracks", "--regexp-backtracks-before-fallback=50000"];

/** An untrusted process: the Worker Loader and nothing else. */
export function executorConfig({ configDir, bundleDir }: Place, { maxMemoryMb, regexpFallback }: ExecutorOptions): string {
  return config({
    main: worker({ modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.executor)], bindings: [LOADER], durableObjects: [] }),
    services: [],
    isRpc: true,
    // Above what the supervisor allows: reaching it ends the process without a word of why.
    v8Flags: [...(regexpFallback ? REGEXP_FALLBACK : []), `--max-old-space-size=${2 * maxMemoryMb}`],
  });
}

export function compilerConfig({ configDir, bundleDir }: Place): string {
  const modules = [
    embed("esModule", configDir, bundleDir, BUNDLE_FILES.compiler),
    embed("data", configDir, bundleDir, BUNDLE_FILES.compilerBytes),
  ];
  return config({ main: worker({ modules, bindings: [LOADER], durableObjects: [] }), services: [], isRpc: true, v8Flags: [] });
}

const HOME_OBJECTS = [{ binding: "FUNCTION_OBJECTS", className: "FunctionObject", uniqueKey: "do-function-objects" }];

/** An untrusted process with the objects of one function: the Worker Loader, and one folder, which its command line names. */
export function homeConfig({ configDir, bundleDir }: Place, { maxMemoryMb }: Pick<ExecutorOptions, "maxMemoryMb">): string {
  return config({
    main: worker({
      modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.home)],
      bindings: [LOADER, ...HOME_OBJECTS.map((object) => binding(object.binding, `durableObjectNamespace = "${object.className}"`))],
      durableObjects: HOME_OBJECTS,
    }),
    services: [DISK_BY_COMMAND],
    isRpc: true,
    v8Flags: [`--max-old-space-size=${2 * maxMemoryMb}`],
  });
}

/** The databases of a shard's tenants. */
export function storeConfig({ configDir, bundleDir }: Place, storageDir: string): string {
  return config({
    main: worker({
      modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.store)],
      bindings: STORE_OBJECTS.map((object) => binding(object.binding, `durableObjectNamespace = "${object.className}"`)),
      durableObjects: STORE_OBJECTS,
    }),
    services: [disk(storageDir)],
    isRpc: true,
    v8Flags: [],
  });
}
