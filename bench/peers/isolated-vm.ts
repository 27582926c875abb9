/** `isolated-vm`: V8's isolates inside Node, with nothing of the platform in them. It runs in a Node of its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Peer } from "./peer.ts";

/** @returns undefined where the package has no binary: it comes built for the machines of its authors' choice */
export async function startIsolatedVm(): Promise<Peer | undefined> {
  const child = fork(join(import.meta.dirname, "isolated-vm-server.ts"), { stdio: ["ignore", "inherit", "ignore", "ipc"] });
  const ended = once(child, "exit");
  const port = await Promise.race([once(child, "message").then(([message]: unknown[]) => Number(message)), ended.then(() => undefined)]);
  if (port === undefined || child.pid === undefined) return undefined;
  return { name: "isolated-vm", port, pid: child.pid, ended, kill: () => void child.kill("SIGKILL") };
}
