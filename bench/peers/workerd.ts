/** A Worker in one plain workerd, behind nothing: what a peer that is a Worker is measured in. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { binding, config, worker } from "../../host/src/config/capnp.ts";
import { workerdBinary } from "../../host/src/process/workerd.ts";
import type { Peer } from "./peer.ts";

/** @param script plain JavaScript, a module with `fetch()`; it has the Worker Loader as `env.LOADER` */
export function startWorker(name: string, folder: string, script: string): Promise<Peer> {
  return startConfig(name, writeConfig(name, folder, script), {});
}

/** A workerd with a configuration of its own, that listens on the socket `main`. */
export async function startConfig(name: string, configPath: string, env: NodeJS.ProcessEnv): Promise<Peer> {
  const args = ["serve", "--experimental", "--control-fd=3", configPath, "config", "--socket-addr=main=127.0.0.1:0"];
  const child = spawn(workerdBinary(), args, { env, stdio: ["ignore", "ignore", "inherit", "pipe"] });
  const ended = once(child, "exit");
  const port = await Promise.race([listening(child.stdio[3] as Readable), ended.then(() => undefined)]);
  if (port === undefined || child.pid === undefined) throw new Error(`the workerd of ${name} did not start`);
  return { name, port, pid: child.pid, ended, kill: () => void child.kill("SIGKILL") };
}

function writeConfig(name: string, folder: string, script: string): string {
  writeFileSync(join(folder, `${name}.js`), script);
  const main = worker({
    modules: [`(name = "${name}.js", esModule = embed "${name}.js")`],
    bindings: [binding("LOADER", "workerLoader = ()")],
    durableObjects: [],
  });
  const path = join(folder, `${name}.capnp`);
  writeFileSync(path, config({ main, services: [], isRpc: false, v8Flags: [] }));
  return path;
}

async function listening(control: Readable): Promise<number | undefined> {
  for await (const line of createInterface({ input: control })) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === "listen") return port;
  }
  return undefined;
}
