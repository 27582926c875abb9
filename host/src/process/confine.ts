/** How much of the machine a process gets, beyond what its own configuration says. */
import { spawnSync } from "node:child_process";
import { copyFileSync, chmodSync, existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Owner } from "../run-folder.ts";
import { workerdBinary } from "./workerd.ts";

/** A whole command line from one that runs workerd. */
export type Confine = (command: readonly string[]) => readonly string[];

export interface Room {
  /** The one folder that it may read beside its own program. */
  readonly readable: string;
  /** The one folder that it may write: its socket is there. */
  readonly writable: string;
  readonly maxMemoryMb: number;
  /** Another folder that it may write, where it runs as us: who runs as another is handed it open. */
  readonly storage?: string | undefined;
  /** Files that it may have open; without it as many as what keeps nothing needs. */
  readonly openFiles?: number | undefined;
}

/**
 * What untrusted processes run in. `bubblewrap`: namespaces of their own, no network, no files but their own. `user`: an
 * unprivileged user, who cannot read what is ours. `limits`: our own user, with bounds on memory and files.
 */
export interface Confinement {
  readonly name: "bubblewrap" | "user" | "limits";
  /** Who they run as, when it is not us. */
  readonly owner: Owner | undefined;
  readonly trusted: Confine;
  readonly untrusted: (room: Room) => Confine;
}

const SETPRIV = "/usr/bin/setpriv";
const PRLIMIT = "/usr/bin/prlimit";
const BWRAP = "/usr/bin/bwrap";
const NOBODY: Owner = { uid: 65_534, gid: 65_534 };

/**
 * A command line that the kernel ends when we die, even by SIGKILL: an orphan would go on writing to storage that the
 * next host opens. Where there is no setpriv (util-linux), `data-folder.ts` ends the orphan before it opens the folder.
 */
const trusted: Confine = (command) => (existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL", "--", ...command] : command);

/** The strongest that this machine allows, tried with a process that does nothing. `dir` is for what it needs. */
export function findConfinement(dir: string): Confinement {
  const isRoot = process.getuid?.() === 0;
  // Only root can become another user; who is not has no more rights than it started with.
  const become = isRoot && existsSync(SETPRIV) ? asNobody : trusted;
  const owner = become === asNobody ? NOBODY : undefined;
  const program = owner ? readableProgram(dir) : workerdBinary();
  const inBubble: Confinement = {
    name: "bubblewrap",
    owner,
    trusted,
    untrusted:
      (room) =>
      ([, ...args]) =>
        become(bubble(room, program, args)),
  };
  if (existsSync(BWRAP) && works(inBubble, dir)) return inBubble;
  const untrusted =
    (room: Room) =>
    ([, ...args]: readonly string[]) =>
      become(limited(room, [program, ...args]));
  const asUser: Confinement = { name: "user", owner, trusted, untrusted };
  if (owner && works(asUser, dir)) return asUser;
  return { name: "limits", owner: undefined, trusted, untrusted: (room) => (command) => trusted(limited(room, command)) };
}

function works({ untrusted }: Confinement, dir: string): boolean {
  const [command = "", ...args] = untrusted({ readable: dir, writable: dir, maxMemoryMb: 512 })([workerdBinary(), "--version"]);
  return spawnSync(command, args, { env: {}, stdio: "ignore", timeout: 10_000 }).status === 0;
}

/** What V8 reserves of data without using it, measured; memory that code takes comes on top. */
const RESERVED_MB = 700;

/** Memory and files, by the kernel: an ArrayBuffer that does not fit is a RangeError, before anybody has to look. */
function limited({ maxMemoryMb, openFiles = 256 }: Room, command: readonly string[]): readonly string[] {
  if (!existsSync(PRLIMIT)) return command;
  const dataBytes = (RESERVED_MB + 2 * maxMemoryMb) * 1024 * 1024;
  return [PRLIMIT, `--data=${dataBytes}`, "--core=0", `--nofile=${openFiles}`, "--", ...command];
}

/** Another user, who can never gain rights again. The signal of our death is set last: changing the user clears it. */
function asNobody(command: readonly string[]): readonly string[] {
  const become = [
    SETPRIV,
    `--reuid=${NOBODY.uid}`,
    `--regid=${NOBODY.gid}`,
    "--clear-groups",
    "--no-new-privs",
    "--inh-caps=-all",
    "--bounding-set=-all",
  ];
  return [...become, "--", ...trusted(command)];
}

/** A binary in somebody's home cannot be run by nobody; a copy beside the code can. */
function readableProgram(dir: string): string {
  const copy = join(dir, "workerd");
  copyFileSync(realpathSync(workerdBinary()), copy);
  chmodSync(copy, 0o755);
  return copy;
}

/** Namespaces of its own for everything. It sees its program, the libraries of that, its code, and its socket. */
function bubble(room: Room, program: string, args: readonly string[]): readonly string[] {
  const readable = READABLE.filter((path) => existsSync(path)).flatMap((path) => ["--ro-bind", path, path]);
  const alone = ["--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--clearenv"];
  const user = ["--uid", String(NOBODY.uid), "--gid", String(NOBODY.gid)];
  const own = [
    "--ro-bind",
    realpathSync(program),
    "/workerd",
    "--ro-bind",
    room.readable,
    room.readable,
    "--bind",
    room.writable,
    room.writable,
    ...(room.storage === undefined ? [] : ["--bind", room.storage, room.storage]),
  ];
  const rest = ["--proc", "/proc", "--dev", "/dev", "--chdir", "/"];
  return [BWRAP, ...alone, ...user, ...readable, ...own, ...rest, "--", ...limited(room, ["/workerd", ...args])];
}

/** Libraries, the program that sets limits, and the certificates without which workerd does not start. */
const READABLE = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ssl/certs", "/usr/share/ca-certificates", PRLIMIT];
