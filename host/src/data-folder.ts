/** The one folder that everything is in: stored data, the root key, and a lock that names who uses it. */
import { spawnSync } from "node:child_process";
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
  /** Notes the process that writes to the folder, so that the next host can end it should this one be killed. */
  noteWriter(pid: number): void;
  release(): void;
}

/** @throws Error when another host uses the folder */
export function openDataFolder(folder: string, keyFromEnvironment: string | undefined): DataFolder {
  const path = resolve(folder);
  const [storageDir, runDir] = [join(path, "storage"), join(path, "run")];
  for (const dir of [path, storageDir, runDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const release = lock(path);
  const writerFile = join(runDir, "workerd.pid");
  endOrphan(writerFile, runDir);
  const { rootKey, isNewKey } = keyFromEnvironment ? { rootKey: keyFromEnvironment, isNewKey: false } : ownKey(path);
  return {
    path,
    storageDir,
    runDir,
    rootKey,
    isNewKey,
    noteWriter: (pid) => writeFileSync(writerFile, String(pid), { mode: 0o600 }),
    release,
  };
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

/** Ends the writer that a killed host left behind, if the process of that number is still it: it names our folder. */
function endOrphan(writerFile: string, runDir: string): void {
  const pid = Number(readIfThere(writerFile));
  if (!isAlive(pid)) return;
  const { stdout } = spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  if (stdout.includes(runDir)) process.kill(pid, "SIGKILL");
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  // A process that has ended and that nobody has waited for has a number still.
  if (spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout?.startsWith("Z")) return false;
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
