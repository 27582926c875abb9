/** The folder of a home, and the process that has it. */
import { chownSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Confinement, Room } from "../process/confine.ts";
import { startWorkerd, STORAGE_DESCRIPTOR, type WorkerdProcess } from "../process/workerd.ts";
import { HOME_LIMITS } from "./limits.ts";

export interface BootHome {
  readonly configPath: string;
  readonly socketPath: string;
  readonly room: Room;
  /** What it may keep things in; made when it is not there. */
  readonly dir: string;
  readonly confinement: Confinement;
  readonly onLine: (line: string) => void;
  readonly onError: (text: string) => void;
}

/**
 * A process that runs as another user gets its folder as an open descriptor: it cannot pass through the data folder, and
 * does not see what else is there. One that runs as us is bound to its path.
 */
export async function bootHome({ configPath, socketPath, room, dir, confinement, onLine, onError }: BootHome): Promise<WorkerdProcess> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { owner } = confinement;
  const openFiles = Math.min(HOME_LIMITS.openFiles, mostOpenFiles());
  const common = { configPath, socketPath, env: {}, onLine, onError };
  if (!owner) {
    return startWorkerd({ ...common, storage: { path: dir }, confine: confinement.untrusted({ ...room, openFiles, storage: dir }) });
  }
  chownSync(dir, owner.uid, owner.gid);
  const descriptor = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const storage = { path: `/proc/self/fd/${STORAGE_DESCRIPTOR}`, descriptor };
    return await startWorkerd({ ...common, storage, confine: confinement.untrusted({ ...room, openFiles }) });
  } finally {
    closeSync(descriptor);
  }
}

/** What the kernel lets us give. */
function mostOpenFiles(): number {
  if (!existsSync("/proc/self/limits")) return HOME_LIMITS.openFiles;
  const [, hard = ""] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return hard === "" ? HOME_LIMITS.openFiles : Number(hard);
}

/** What a home stores; 0 for one that is not there. SQLite's shared memory is a file too, of 32 KiB, and no data. */
export async function storedBytes(dir: string): Promise<number> {
  const names = (await readdir(dir, { recursive: true }).catch(() => [])).filter((name) => !name.endsWith("-shm"));
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(dir, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

export async function removeStored(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}
