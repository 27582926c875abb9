/** The host: a family of processes on a data folder, and what listens for them. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, isIP, type AddressInfo } from "node:net";
import { openDataFolder } from "./data-folder.ts";
import { Family } from "./family.ts";
import type { Log } from "./log.ts";
import { findConfinement, type Confinement } from "./process/confine.ts";
import type { Size } from "./pool/share.ts";
import { RunFolder } from "./run-folder.ts";

export interface HostOptions {
  readonly bundleDir: string;
  readonly data: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The root key; without it the data folder's own, made at first start. */
  readonly rootKey: string | undefined;
  readonly executors: Size;
  /** How many stores; without it what the folder has. */
  readonly stores: number | undefined;
  /** The most memory that a tier may give an execution. */
  readonly maxMemoryMb: number;
  readonly log: Log;
}

export interface Host {
  readonly url: string;
  readonly rootKey: string;
  readonly isNewKey: boolean;
  readonly confinement: Confinement["name"];
  /** Of the processes that are there, by kind. */
  readonly pids: Family["pids"];
  /** Takes the bundle anew; what runs is lost. */
  restart(): Promise<void>;
  /** No new work; what runs gets its time. */
  drain(): Promise<void>;
  /** At once. */
  stop(): Promise<void>;
  /** At once, for who cannot wait. */
  kill(): void;
}

/** Longer than the longest execution. */
const DRAIN_MS = 125_000;

/** For tests and tools: a small host that starts quickly. */
export const SMALL: Pick<HostOptions, "executors" | "stores" | "maxMemoryMb"> = {
  executors: { min: 1, max: 4, reserve: 4 },
  stores: 1,
  maxMemoryMb: 512,
};

export async function startHost(options: HostOptions): Promise<Host> {
  const data = openDataFolder({ folder: options.data, rootKey: options.rootKey, shards: options.stores });
  const { bundleDir, executors, maxMemoryMb, log } = options;
  const folder = new RunFolder();
  data.noteRunFolder(folder.path);
  const confinement = findConfinement(folder.toolsDir);
  const newFamily = () => new Family({ data, folder, bundleDir, executors, maxMemoryMb, log, confinement, newId: randomUUID });
  let family = newFamily();
  try {
    await family.open();
    const server = createServer((socket) => {
      const up = connect(family.frontSocket);
      socket.pipe(up).pipe(socket);
      socket.on("error", () => up.destroy());
      up.on("error", () => socket.destroy());
    });
    server.listen(options.port, options.host);
    await once(server, "listening");
    const address = isIP(options.host) === 6 ? `[${options.host}]` : options.host;
    const url = `http://${address}:${(server.address() as AddressInfo).port}`;
    const end = async (withinMs: number) => {
      server.close();
      await family.close(withinMs);
      folder.remove();
      data.release();
    };
    await untilReady(url);
    return {
      url,
      rootKey: data.rootKey,
      isNewKey: data.isNewKey,
      confinement: confinement.name,
      get pids() {
        return family.pids;
      },
      restart: async () => {
        await family.close(0);
        family = newFamily();
        await family.open();
      },
      drain: () => end(DRAIN_MS),
      stop: () => end(0),
      kill: () => {
        family.kill();
        folder.remove();
        data.release();
      },
    };
  } catch (error) {
    await family.close(0);
    folder.remove();
    data.release();
    throw error;
  }
}

/** workerd listens before its code has run; /ready answers when it has. */
async function untilReady(url: string): Promise<void> {
  const answer = await fetch(`${url}/ready`);
  if (!answer.ok) throw new Error(`do cannot run code: ${await answer.text()}`);
}
