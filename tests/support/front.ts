import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { workerdConfig } from "../../host/src/config.ts";
import type { UpstreamAddress } from "../../host/src/ingress/upstream.ts";
import { BUNDLE_DIR } from "./build.ts";

export const ROOT_KEY = "do_root_of_the_ingress_0123456789abcdef";

/** do itself in workerd, on a unix socket, as it runs behind an ingress that it trusts. */
export interface Front {
  readonly address: UpstreamAddress;
  readonly isRunning: boolean;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** With its folder. */
  stop(): Promise<void>;
}

export async function startFront(): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), "do-ingress-"));
  const [configPath, socketPath, storageDir] = ["do.capnp", "front.sock", "storage"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(storageDir);
  const binding = '(name = "DO_TRUSTED_INGRESS", text = "1"),';
  const config = workerdConfig({ configDir: folder, bundleDir: BUNDLE_DIR, storageDir });
  writeFileSync(configPath, config.replace("bindings = [", `bindings = [${binding}`));
  const { default: workerd } = createRequire(import.meta.url)("workerd") as { default: string };
  let child: ChildProcess | undefined;
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  const front: Front = {
    address: { socketPath },
    get isRunning() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    start: async () => {
      rmSync(socketPath, { force: true });
      const args = ["serve", "--experimental", "--control-fd=3", configPath, "config", `--socket-addr=http=unix:${socketPath}`];
      child = spawn(workerd, args, { env: { DO_ROOT_KEY: ROOT_KEY }, stdio: ["ignore", "inherit", "inherit", "pipe"] });
      await once(child.stdio[3] as Readable, "data");
    },
    kill,
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await front.start();
  return front;
}
