import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { text as readText } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { bundleOne, ROOT } from "../../host/src/bundle.ts";
import { binding, config, disk, worker } from "../../host/src/config/capnp.ts";
import { wholeDo } from "../../host/src/config/one-process.ts";
import { startWorkerd } from "../../host/src/process/workerd.ts";

export const ROOT_KEY = "do_root_of_the_binding_test_0123456789";
export const PRINCIPAL = { principal: { kind: "service", id: "svc-shop", tenant: "shop", tier: "tenant" } };

/** Of the binding that is a dispatcher. */
const NAMESPACE = { ...PRINCIPAL, namespace: "customers" };
/** With the function `guard` as outbound Worker. */
const GUARDED = { ...NAMESPACE, outbound: { worker: { service: "guard" }, params: [{ name: "customer" }] } };

export interface ClientWorker {
  /** Asks the other Worker for a path. */
  ask(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * do in one process, as it is on Cloudflare, and another Worker with two service bindings to it: `DO`, whose props name a
 * principal, and `OPEN`, without.
 */
export async function startClientWorker(source: string, settings?: object): Promise<ClientWorker> {
  const dir = mkdtempSync(join(tmpdir(), "do-one-"));
  mkdirSync(join(dir, "storage"));
  await bundleOne(dir);
  await build({
    stdin: { contents: source, resolveDir: ROOT },
    bundle: true,
    format: "esm",
    external: ["cloudflare:*"],
    outfile: join(dir, "client.js"),
  });
  writeFileSync(join(dir, "one.capnp"), withClient(join(dir, "storage"), settings));
  const ignore = () => {};
  const workerd = await startWorkerd({
    configPath: join(dir, "one.capnp"),
    socketPath: join(dir, "s"),
    env: { DO_ROOT_KEY: ROOT_KEY },
    confine: (command) => command,
    onLine: ignore,
    onError: ignore,
  });
  return {
    ask: (path) => get(workerd.socketPath, `/${path}?key=${ROOT_KEY}`),
    stop: async () => {
      workerd.kill("SIGKILL");
      await workerd.ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function withClient(storageDir: string, settings: object | undefined): string {
  const extra = settings === undefined ? [] : [binding("DO_CONFIG", `text = ${JSON.stringify(JSON.stringify(settings))}`)];
  const client = worker({
    modules: ['(name = "client.js", esModule = embed "client.js")'],
    bindings: [
      binding("DO", `service = (name = "do", props = (json = ${JSON.stringify(JSON.stringify(PRINCIPAL))}))`),
      binding("OPEN", 'service = "do"'),
      binding("LOADER", "workerLoader = ()"),
      binding(
        "DISPATCHER",
        `service = (name = "do", entrypoint = "Dispatcher", props = (json = ${JSON.stringify(JSON.stringify(NAMESPACE))}))`,
      ),
      binding(
        "GUARDED_DISPATCHER",
        `service = (name = "do", entrypoint = "Dispatcher", props = (json = ${JSON.stringify(JSON.stringify(GUARDED))}))`,
      ),
    ],
    durableObjects: [],
  });
  return config({ main: client, services: [`(name = "do", worker = ${wholeDo(extra)})`, disk(storageDir)], isRpc: false, v8Flags: [] });
}

async function get(socketPath: string, path: string): Promise<unknown> {
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    request({ socketPath, path }, resolve).once("error", reject).end();
  });
  return JSON.parse(await readText(response)) as unknown;
}
