/** The one folder that everything is in: stored data, the root key, and a lock that names who uses it. */
import { randomBytes } from "node:crypto";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync, closeSync } from "node:fs";
import { join, resolve } from "node:path";

export interface DataFolder {
  readonly path: string;
  readonly storageDir: string;
  readonly runDir: string;
  readonly rootKey: string;
  /** Set when this start has made the key: it is shown once. */
  readonly isNewKey: boolean;
  release(): void;
}

/** @throws Error when another host uses the folder */
export function openDataFolder(folder: string, keyFromEnvironment: string | undefined): DataFolder {
  const path = resolve(folder);
  const [storageDir, runDir] = [join(path, "storage"), join(path, "run")];
  for (const dir of [path, storageDir, runDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const release = lock(path);
  const { rootKey, isNewKey } = keyFromEnvironment ? { rootKey: keyFromEnvironment, isNewKey: false } : ownKey(path);
  return { path, storageDir, runDir, rootKey, isNewKey, release };
}

function ownKey(path: string): { rootKey: string; isNewKey: boolean } {
  const file = join(path, "root.key");
  const kept = readIfThere(file)?.trim();
  if (kept) return { rootKey: kept, isNewKey: false };
  const rootKey = `do_root_${randomBytes(32).toString("base64url")}`;
  writeFileSync(file, `${rootKey}\n`, { mode: 0o600 });
  return { rootKey, isNewKey: true };
}

function lock(path: string): () => void {
  const file = join(path, "host.pid");
  for (;;) {
    try {
      const descriptor = openSync(file, "wx", 0o600);
      writeFileSync(descriptor, String(process.pid));
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const pid = Number(readIfThere(file));
      if (pid !== process.pid && isAlive(pid)) throw new Error(`the data folder ${path} is in use by process ${pid}`, { cause: error });
      rmSync(file, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
