/** The one folder that everything is in: stored data, the root key, and a lock that names who uses it. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, closeSync } from "node:fs";
import { basename, join, resolve } from "node:path";

export interface DataFolder {
  readonly path: string;
  /** Where a process keeps what it stores; no other process has it. */
  storageDir(process: string): string;
  /** Where a home is: a folder that one process alone may use, which has another owner when it is given one. */
  homeDir(home: string): string;
  /** How many stores the tenants are spread over: fixed when the folder was made. */
  readonly shards: number;
  readonly rootKey: string;
  /** What the secrets of functions are encrypted under. */
  readonly secretsKey: string;
  /** Set when this start has made the key: it is shown once. */
  readonly isNewKey: boolean;
  /** Notes a process that writes to the folder, so that the next host can end it should this one be killed. */
  noteWriter(process: string, pid: number): void;
  /** Notes a folder elsewhere that goes with this run, so that the next host can remove it. */
  noteRunFolder(path: string): void;
  release(): void;
}

export interface DataFolderOptions {
  readonly folder: string;
  /** The root key; without it the folder's own, made at first start. */
  readonly rootKey: string | undefined;
  /** The key for the secrets of functions; without it the folder's own, made at first start. */
  readonly secretsKey?: string | undefined;
  /** How many stores; without it what the folder has, or else the default. */
  readonly shards: number | undefined;
}

export const DEFAULT_SHARDS = 4;

/** @throws Error when another host uses the folder, or it has another number of stores */
export function openDataFolder({ folder, rootKey: given, secretsKey, shards: wanted }: DataFolderOptions): DataFolder {
  const path = resolve(folder);
  const writersDir = join(path, "writers");
  const homesDir = join(path, "homes");
  for (const dir of [path, join(path, "storage"), homesDir, writersDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const release = lock(path);
  try {
    endOrphans(writersDir);
    removeRunFolder(join(path, "run-folder"));
    const shards = shardsOf(path, wanted);
    const { key: rootKey, isNew: isNewKey } = given ? { key: given, isNew: false } : ownKey(join(path, "root.key"), "do_root_");
    return {
      path,
      shards,
      storageDir: (process) => {
        const dir = join(path, "storage", process);
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        return dir;
      },
      homeDir: (home) => join(homesDir, home),
      rootKey,
      secretsKey: secretsKey ?? ownKey(join(path, "secrets.key"), "do_secrets_").key,
      isNewKey,
      noteWriter: (process, pid) => writeFileSync(join(writersDir, process), `${pid} ${startOf(pid)}`, { mode: 0o600 }),
      noteRunFolder: (runFolder) => writeFileSync(join(path, "run-folder"), runFolder, { mode: 0o600 }),
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** A tenant's store follows from its name and their number: with another number it would not be found. */
function shardsOf(path: string, wanted: number | undefined): number {
  const file = join(path, "shards");
  const kept = readIfThere(file);
  if (kept === undefined) {
    const shards = wanted ?? DEFAULT_SHARDS;
    writeFileSync(file, `${shards}\n`, { mode: 0o600 });
    return shards;
  }
  const shards = Number(kept);
  if (wanted !== undefined && wanted !== shards) {
    throw new Error(
      `the data folder ${path} was made with --stores ${shards}, and that is fixed: its tenants would not be found with ${wanted}`,
    );
  }
  return shards;
}

function ownKey(file: string, prefix: string): { key: string; isNew: boolean } {
  const kept = readIfThere(file)?.trim();
  if (kept) return { key: kept, isNew: false };
  const key = `${prefix}${randomBytes(32).toString("base64url")}`;
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
  return { key, isNew: true };
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

/** Ends the writers that a killed host left behind, each if the process of that number is still the one that was noted. */
function endOrphans(writersDir: string): void {
  for (const name of readdirSync(writersDir)) {
    const file = join(writersDir, name);
    const [pid = "", ...start] = (readIfThere(file) ?? "").split(" ");
    if (isAlive(Number(pid)) && startOf(Number(pid)) === start.join(" ")) process.kill(Number(pid), "SIGKILL");
    rmSync(file, { force: true });
  }
}

function removeRunFolder(note: string): void {
  const path = readIfThere(note);
  if (path !== undefined && /^do-\w{6}$/.test(basename(path))) rmSync(path, { recursive: true, force: true });
  rmSync(note, { force: true });
}

/** When a process was started: with its number, it names it. */
function startOf(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The 22nd field; the second is a name in brackets, which may hold anything.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
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
