/** What is measured: do as `pnpm start` runs it, and beside it the bare Worker in a workerd of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { startHost } from "../host/src/host.ts";
import { SILENT } from "../host/src/log.ts";
import { DEFAULT_EXECUTORS, DEFAULT_MEMORY_MB } from "../host/src/defaults.ts";
import { workerdBinary } from "../host/src/process/workerd.ts";
import { writeBare } from "./bare.ts";
import { Client } from "./client.ts";

export interface Server extends AsyncDisposable {
  /** Of all processes of do. */
  residentBytes(): number;
  /** A client of do that sends the root key or another (none, if it is empty), with as many connections as it may have requests at once. */
  doClient(connections: number, key?: string): Client;
  bareClient(connections: number): Client;
}

/** Starts both on free ports, with an empty data folder in `workDir`; disposing ends them. */
export async function startServer(bundleDir: string, workDir: string): Promise<Server> {
  const folder = mkdtempSync(join(workDir, "server-"));
  const host = await startHost({
    bundleDir,
    data: join(folder, "data"),
    host: "127.0.0.1",
    port: 0,
    rootKey: undefined,
    executors: DEFAULT_EXECUTORS,
    stores: undefined,
    maxMemoryMb: DEFAULT_MEMORY_MB,
    log: SILENT,
  });
  const bare = await startBare(folder);
  const kill = () => {
    host.kill();
    bare.kill();
  };
  // Also when this process ends by an error that nobody caught.
  process.once("exit", kill);
  const clients: Client[] = [];
  const clientOf = (port: number, key: string, connections: number) => {
    const client = new Client(port, key, connections);
    clients.push(client);
    return client;
  };
  return {
    residentBytes: () => {
      const { front, stores, executors, compilers } = host.pids;
      return [front, ...stores, ...executors, ...compilers].reduce<number>((sum, pid) => sum + (pid ? residentBytes(pid) : 0), 0);
    },
    doClient: (connections, key = host.rootKey) => clientOf(Number(new URL(host.url).port), key, connections),
    bareClient: (connections) => clientOf(bare.port, host.rootKey, connections),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      process.removeListener("exit", kill);
      bare.kill();
      await Promise.all([host.stop(), bare.ended]);
    },
  };
}

async function startBare(folder: string) {
  const args = ["serve", "--experimental", "--control-fd=3", writeBare(folder), "config", "--socket-addr=main=127.0.0.1:0"];
  const child = spawn(workerdBinary(), args, { env: {}, stdio: ["ignore", "ignore", "inherit", "pipe"] });
  const ended = once(child, "exit");
  const port = await Promise.race([listening(child.stdio[3] as Readable), ended.then(() => undefined)]);
  if (port === undefined) throw new Error("the bare workerd did not start");
  return { port, ended, kill: () => void child.kill("SIGKILL") };
}

async function listening(control: Readable): Promise<number | undefined> {
  for await (const line of createInterface({ input: control })) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === "listen") return port;
  }
  return undefined;
}

/** Resident memory of a process. */
function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes ?? 0) * 1_024;
}
