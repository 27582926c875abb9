/** do as `pnpm start` runs it, in a Node of its own: a client on the same thread would be measured with it. */
import { fork, type Serializable } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Host } from "../host/src/host.ts";

export type Pids = Host["pids"];

/** What bench/host-process.ts says when it is ready. */
export interface Ready {
  readonly port: number;
  readonly rootKey: string;
}

export interface HostProcess extends Ready {
  /** Of the Node that supervises, and takes the requests. */
  readonly pid: number;
  pids(): Promise<Pids>;
  stop(): Promise<void>;
  kill(): void;
}

export async function startHostProcess(bundleDir: string, folder: string): Promise<HostProcess> {
  const child = fork(join(import.meta.dirname, "host-process.ts"), [bundleDir, folder], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit");
  const heard = async () => {
    const [message] = (await Promise.race([once(child, "message"), ended.then(() => [undefined])])) as [Serializable | undefined];
    if (message === undefined) throw new Error("the host has ended");
    return message;
  };
  const { port, rootKey } = (await heard()) as unknown as Ready;
  return {
    port,
    rootKey,
    pid: child.pid ?? 0,
    pids: async () => {
      child.send("pids");
      return (await heard()) as unknown as Pids;
    },
    stop: async () => {
      child.disconnect();
      await ended;
    },
    // Its processes end with it (host/src/process/confine.ts).
    kill: () => void child.kill("SIGKILL"),
  };
}
