/** The host: workerd with a generated configuration on a data folder. One process; see docs/limits.md for what that means. */
import { writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { workerdConfig } from "./config.ts";
import { openDataFolder } from "./data-folder.ts";
import { startWorkerd, type WorkerdProcess } from "./workerd.ts";

export interface HostOptions {
  readonly bundleDir: string;
  readonly data: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The root key; without it the data folder's own, made at first start. */
  readonly rootKey: string | undefined;
  /** The configuration as JSON (docs/auth.md); without it, the defaults. */
  readonly config?: string | undefined;
}

export interface Host {
  readonly url: string;
  readonly rootKey: string;
  readonly isNewKey: boolean;
  readonly pid: number;
  /** Settles when workerd has ended without being asked to. */
  readonly crashed: Promise<string>;
  /** Takes the bundle anew; what runs is lost. */
  restart(): Promise<void>;
  /** No new work; what runs gets its time. */
  drain(): Promise<void>;
  /** At once. */
  stop(): Promise<void>;
}

/** Longer than the longest execution. */
const DRAIN_MS = 125_000;

export async function startHost(options: HostOptions): Promise<Host> {
  const data = openDataFolder(options.data, options.rootKey);
  try {
    const configPath = join(data.runDir, "do.capnp");
    const { bundleDir } = options;
    writeFileSync(
      configPath,
      workerdConfig({ configDir: data.runDir, bundleDir, storageDir: data.storageDir, egressToLoopback: namesLoopback(options.config) }),
      { mode: 0o600 },
    );
    const address = isIP(options.host) === 6 ? `[${options.host}]` : options.host;
    const env = { DO_ROOT_KEY: data.rootKey, DO_CONFIG: options.config ?? "" };
    const start = async (port: number) => {
      const started = await startWorkerd(configPath, `${address}:${port}`, env);
      data.noteWriter(started.pid);
      return started;
    };
    let child: WorkerdProcess = await start(options.port);
    const { port } = child;
    const url = `http://${address}:${port}`;
    await untilReady(url);

    let isEnding = false;
    const crashed = Promise.withResolvers<string>();
    const watch = (watched: WorkerdProcess) =>
      void watched.ended.then(({ code, signal }) => {
        if (!isEnding && watched === child) crashed.resolve(`workerd ended: ${signal ?? `exit code ${code}`}`);
      });
    watch(child);

    const end = async (signal: NodeJS.Signals) => {
      isEnding = true;
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), DRAIN_MS);
      await child.ended;
      clearTimeout(timer);
      data.release();
    };
    return {
      url,
      rootKey: data.rootKey,
      isNewKey: data.isNewKey,
      get pid() {
        return child.pid;
      },
      crashed: crashed.promise,
      restart: async () => {
        const old = child;
        isEnding = true;
        old.kill("SIGKILL");
        await old.ended;
        child = await start(port);
        isEnding = false;
        watch(child);
        await untilReady(url);
      },
      drain: () => end("SIGTERM"),
      stop: () => end("SIGKILL"),
    };
  } catch (error) {
    data.release();
    throw error;
  }
}

/** Whether the configuration lets documents come from this machine; what else it says, do reads and checks itself. */
function namesLoopback(config: string | undefined): boolean {
  if (config === undefined) return false;
  try {
    const { loopbackOrigins } = JSON.parse(config) as { loopbackOrigins?: unknown };
    return Array.isArray(loopbackOrigins) && loopbackOrigins.length > 0;
  } catch {
    return false;
  }
}

/** workerd listens before its code has run; /ready answers when it has. */
async function untilReady(url: string): Promise<void> {
  const answer = await fetch(`${url}/ready`);
  if (!answer.ok) throw new Error(`do cannot run code: ${await answer.text()}`);
}
