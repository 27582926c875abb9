/** The configuration of each kind of process. */
import { BUNDLE_FILES } from "../bundle.ts";
import { binding, config, disk, embed, httpService, rpcService, worker } from "./capnp.ts";

export interface Place {
  /** Where the configuration will be written: paths in it are relative to it. */
  readonly configDir: string;
  readonly bundleDir: string;
}

export interface FrontOptions extends Place {
  readonly storageDir: string;
  readonly supervisorSocket: string;
  readonly executorSockets: readonly string[];
  readonly compilerSockets: readonly string[];
  readonly storeSockets: readonly string[];
}

/** Names here are those of wrangler.jsonc. */
const EXECUTIONS = { className: "Executions", uniqueKey: "do-executions" };
const DATABASE = { className: "Database", uniqueKey: "do-database" };

const LOADER = binding("LOADER", "workerLoader = ()");

/** The trusted process: HTTP, do, its services and what they store. It makes no isolates. Secrets come from its environment. */
export function frontConfig(options: FrontOptions): string {
  const { configDir, bundleDir, storageDir, supervisorSocket, executorSockets, compilerSockets, storeSockets } = options;
  const processes = [
    ...executorSockets.map((socket, i) => ({ name: `EXECUTOR_${i}`, socket })),
    ...compilerSockets.map((socket, i) => ({ name: `COMPILER_${i}`, socket })),
    ...storeSockets.map((socket, i) => ({ name: `STORE_${i}`, socket })),
  ];
  return config({
    main: worker({
      modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.front)],
      bindings: [
        binding("DO_ROOT_KEY", 'fromEnvironment = "DO_ROOT_KEY"'),
        binding("DO_TRUSTED_INGRESS", 'text = "1"'),
        binding("DO_STORES", `json = "${storeSockets.length}"`),
        binding("EXECUTIONS", `durableObjectNamespace = "${EXECUTIONS.className}"`),
        binding("SUPERVISOR", 'service = "supervisor"'),
        ...processes.map(({ name }) => binding(name, `service = "${name}"`)),
      ],
      durableObjects: [EXECUTIONS],
    }),
    services: [
      disk(storageDir),
      httpService("supervisor", supervisorSocket),
      ...processes.map(({ name, socket }) => rpcService(name, socket)),
    ],
    isRpc: false,
    v8Flags: [],
  });
}

/** An untrusted process: the Worker Loader and nothing else. */
export function executorConfig({ configDir, bundleDir }: Place, maxMemoryMb: number): string {
  return config({
    main: worker({ modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.executor)], bindings: [LOADER], durableObjects: [] }),
    services: [],
    isRpc: true,
    // Above what the supervisor allows: reaching it ends the process without a word of why.
    v8Flags: [`--max-old-space-size=${2 * maxMemoryMb}`],
  });
}

export function compilerConfig({ configDir, bundleDir }: Place): string {
  const modules = [
    embed("esModule", configDir, bundleDir, BUNDLE_FILES.compiler),
    embed("data", configDir, bundleDir, BUNDLE_FILES.compilerBytes),
  ];
  return config({ main: worker({ modules, bindings: [LOADER], durableObjects: [] }), services: [], isRpc: true, v8Flags: [] });
}

/** The databases of a shard's tenants. */
export function storeConfig({ configDir, bundleDir }: Place, storageDir: string): string {
  return config({
    main: worker({
      modules: [embed("esModule", configDir, bundleDir, BUNDLE_FILES.store)],
      bindings: [binding("DATABASE", `durableObjectNamespace = "${DATABASE.className}"`)],
      durableObjects: [DATABASE],
    }),
    services: [disk(storageDir)],
    isRpc: true,
    v8Flags: [],
  });
}
