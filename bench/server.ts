/** What is measured: do, and beside it the bare Worker Loader, each in processes of its own. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Client } from "./client.ts";
import { startHostProcess, type Pids } from "./host.ts";
import { startBare } from "./peers/bare.ts";
import type { Peer } from "./peers/peer.ts";

export interface Server extends AsyncDisposable {
  /** For what a section starts beside. */
  readonly folder: string;
  readonly bare: Peer;
  /** Of the Node that supervises. */
  readonly hostPid: number;
  /** Of its processes. */
  pids(): Promise<Pids>;
  /** A client of do that sends the root key or another (none, if it is empty), with as many connections as it may have requests at once. */
  doClient(connections: number, key?: string): Client;
  peerClient(peer: Peer, connections: number): Client;
}

/** Starts both on free ports, with an empty data folder in `workDir`; disposing ends them. */
export async function startServer(bundleDir: string, workDir: string): Promise<Server> {
  const folder = mkdtempSync(join(workDir, "server-"));
  const host = await startHostProcess(bundleDir, folder);
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
    folder,
    bare,
    hostPid: host.pid,
    pids: () => host.pids(),
    doClient: (connections, key = host.rootKey) => clientOf(host.port, key, connections),
    peerClient: ({ port }, connections) => clientOf(port, host.rootKey, connections),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      process.removeListener("exit", kill);
      bare.kill();
      await Promise.all([host.stop(), bare.ended]);
    },
  };
}
