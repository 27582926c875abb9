import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleOne } from "../../host/src/bundle.ts";
import { binding, config, disk } from "../../host/src/config/capnp.ts";
import { wholeDo } from "../../host/src/config/one-process.ts";
import type { UpstreamAddress } from "../../host/src/ingress/upstream.ts";
import { startWorkerd, type WorkerdProcess } from "../../host/src/process/workerd.ts";

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
  const [configPath, socketPath, storageDir] = [join(folder, "do.capnp"), join(folder, "s"), join(folder, "storage")];
  mkdirSync(storageDir);
  await bundleOne(folder);
  const main = wholeDo([binding("DO_TRUSTED_INGRESS", 'text = "host"')]);
  writeFileSync(configPath, config({ main, services: [disk(storageDir)], isRpc: false, v8Flags: [] }));
  const ignore = () => {};
  const options = {
    configPath,
    socketPath,
    env: { DO_ROOT_KEY: ROOT_KEY },
    confine: (command: readonly string[]) => command,
    onLine: ignore,
    onError: ignore,
  };
  let workerd: WorkerdProcess | undefined;
  const kill = async () => {
    workerd?.kill("SIGKILL");
    await workerd?.ended;
    workerd = undefined;
  };
  const front: Front = {
    address: { socketPath },
    get isRunning() {
      return workerd !== undefined;
    },
    start: async () => {
      rmSync(socketPath, { force: true });
      const started = await startWorkerd(options);
      workerd = started;
      void started.ended.then(() => {
        if (workerd === started) workerd = undefined;
      });
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
