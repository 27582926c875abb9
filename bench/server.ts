/** One workerd process with two sockets: do as the host configures it, and the bare Worker. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { COMPATIBILITY_DATE, workerdConfig } from "../host/src/config.ts";
import { BARE_FILE, BARE_WORKER, withBare } from "./bare.ts";
import { Client } from "./client.ts";

export interface Server extends AsyncDisposable {
  readonly pid: number;
  /** A client of do that sends the root key or another (none, if it is empty), with as many connections as it may have requests at once. */
  doClient(connections: number, key?: string): Client;
  bareClient(connections: number): Client;
}

const SOCKETS = ["http", "bare"] as const;
type Ports = Readonly<Record<(typeof SOCKETS)[number], number>>;

/** Starts workerd on free ports, with an empty data folder in `workDir`; disposing kills it. */
export async function startServer(bundleDir: string, workDir: string): Promise<Server> {
  const folder = mkdtempSync(join(workDir, "server-"));
  const rootKey = `do_root_${randomBytes(32).toString("base64url")}`;
  const child = spawn(workerdBinary(), argumentsFor(writeConfig(folder, bundleDir)), {
    env: { DO_ROOT_KEY: rootKey },
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  // Also when this process ends by an error that nobody caught.
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(child, "exit");
  const clients: Client[] = [];
  const dispose = async () => {
    for (const client of clients) client.close();
    kill();
    await ended;
    process.removeListener("exit", kill);
  };
  const clientOf = (port: number, key: string, connections: number) => {
    const client = new Client(port, key, connections);
    clients.push(client);
    return client;
  };
  try {
    const ports = await Promise.race([listening(child), ended.then(() => undefined)]);
    if (!ports || child.pid === undefined) throw new Error("workerd did not start");
    return {
      pid: child.pid,
      doClient: (connections, key = rootKey) => clientOf(ports.http, key, connections),
      bareClient: (connections) => clientOf(ports.bare, rootKey, connections),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The binary of the `workerd` package, the same that the host starts. */
export function workerdBinary(): string {
  const { default: path } = createRequire(import.meta.url)("workerd") as { default: string };
  return path;
}

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmRSS`);
  return Number(kilobytes) * 1_024;
}

function writeConfig(folder: string, bundleDir: string): string {
  const storageDir = join(folder, "storage");
  mkdirSync(storageDir);
  const path = join(folder, "bench.capnp");
  writeFileSync(path, withBare(workerdConfig({ configDir: folder, bundleDir, storageDir }), COMPATIBILITY_DATE));
  writeFileSync(join(folder, BARE_FILE), BARE_WORKER);
  return path;
}

function argumentsFor(configPath: string): string[] {
  const addresses = SOCKETS.map((name) => `--socket-addr=${name}=127.0.0.1:0`);
  return ["serve", "--experimental", "--control-fd=3", configPath, "config", ...addresses];
}

/** workerd writes a line of JSON to its control descriptor for each socket that listens. */
async function listening(child: ChildProcess): Promise<Ports | undefined> {
  const control = child.stdio[3] as Readable | null | undefined;
  if (!control) return undefined;
  const ports = new Map<string, number>();
  for await (const line of createInterface({ input: control })) {
    const { event, socket, port } = JSON.parse(line) as { event: string; socket?: string; port?: number };
    if (event === "listen" && socket !== undefined && port !== undefined) ports.set(socket, port);
    const [http, bare] = SOCKETS.map((name) => ports.get(name));
    if (http !== undefined && bare !== undefined) return { http, bare };
  }
  return undefined;
}
