/** The host: a family of processes on a data folder, and what listens for them. */
import { randomUUID } from "node:crypto";
import { openDataFolder } from "./data-folder.ts";
import { Family } from "./family.ts";
import { startIngress } from "./ingress/ingress.ts";
import type { Level, Log } from "./log.ts";
import { findConfinement, type Confinement } from "./process/confine.ts";
import type { Size } from "./pool/share.ts";
import { RunFolder } from "./run-folder.ts";
import { danger, isLoopback } from "./safety.ts";

export interface HostOptions {
  readonly bundleDir: string;
  readonly data: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The root key; without it the data folder's own, made at first start. */
  readonly rootKey: string | undefined;
  /** The key for the secrets of functions; without it the data folder's own, made at first start. */
  readonly secretsKey?: string | undefined;
  readonly executors: Size;
  /** How many stores; without it what the folder has. */
  readonly stores: number | undefined;
  /** The most memory that a tier may give an execution. */
  readonly maxMemoryMb: number;
  /** Whether patterns that backtrack without end are run by another engine (config/processes.ts). */
  readonly regexpFallback?: boolean;
  /** Whether to start where an escape from V8 would reach too much. */
  readonly isUnsafeAllowed?: boolean;
  /** Certificate and key; without them, plain HTTP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly log: Log;
  /** The configuration as JSON (docs/auth.md); without it, the defaults. */
  readonly config?: string | undefined;
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
  /** Reads the certificate anew. */
  reloadCertificate(): void;
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
  const data = openDataFolder({ folder: options.data, rootKey: options.rootKey, secretsKey: options.secretsKey, shards: options.stores });
  const { bundleDir, executors, maxMemoryMb, log } = options;
  const folder = new RunFolder();
  data.noteRunFolder(folder.path);
  const confinement = findConfinement(folder.toolsDir);
  const newFamily = () =>
    new Family({
      data,
      folder,
      bundleDir,
      executors,
      maxMemoryMb,
      log,
      confinement,
      config: options.config ?? "",
      regexpFallback: options.regexpFallback ?? false,
      newId: randomUUID,
    });
  let family = newFamily();
  try {
    const isRoot = process.getuid?.() === 0;
    const unsafe = danger({ confinement: confinement.name, isRoot, isOnlyHere: isLoopback(options.host) });
    if (unsafe !== undefined && !options.isUnsafeAllowed) throw new Error(unsafe);
    await family.open();
    await family.ready();
    const ingress = await startIngress({
      host: options.host,
      port: options.port,
      ...(options.tls ? { tls: options.tls } : {}),
      // While the front is being started again, who asks waits.
      upstream: async () => {
        await family.frontServing;
        return { socketPath: family.frontSocket };
      },
      log: ({ event, ...members }) => log(INGRESS_LEVELS.get(event) ?? "warn", event, members),
    });
    const { url } = ingress;
    const end = async (withinMs: number) => {
      await (withinMs > 0 ? ingress.drain() : ingress.stop());
      await family.close(withinMs);
      folder.remove();
      data.release();
    };
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
        await family.ready();
      },
      reloadCertificate: () => ingress.reloadCertificate(),
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

const INGRESS_LEVELS: ReadonlyMap<string, Level> = new Map([
  ["request", "info"],
  ["refused", "info"],
  ["certificate-loaded", "info"],
]);
