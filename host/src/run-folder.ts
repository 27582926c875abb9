/** The folder of one run of the host: sockets and configurations. It goes when the host does. */
import { chownSync, copyFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BUNDLE_FILES } from "./bundle.ts";

/** Who owns what an untrusted process writes: its socket. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Kinds of processes that run code of strangers. */
export type Untrusted = "executor" | "compiler" | "home";

/** The temporary folder; for root, whose code runs as another user, one that others can pass through. */
function parent(): string {
  if (process.getuid?.() !== 0) return tmpdir();
  return [tmpdir(), "/tmp"].find(isPassable) ?? tmpdir();
}

function isPassable(dir: string): boolean {
  const isOpen = (statSync(dir).mode & 0o001) !== 0;
  return isOpen && (dirname(dir) === dir || isPassable(dirname(dir)));
}

/**
 * Everything here is short, for the path of a socket has at most 108 characters. Others may pass through, for an
 * untrusted process may run as another user; what they can open is only their own.
 */
export class RunFolder {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(parent(), "do-"));
    chmodSync(this.path, 0o711);
    this.#make("trusted", 0o700);
    this.#make("tools", 0o755);
  }

  /** For programs that an untrusted process runs. */
  get toolsDir(): string {
    return join(this.path, "tools");
  }

  /** Of the front, the stores and the supervisor. */
  trustedSocket(name: string): string {
    return join(this.path, "trusted", `${name}.sock`);
  }

  trustedConfig(name: string): string {
    return join(this.path, "trusted", `${name}.capnp`);
  }

  get trustedDir(): string {
    return join(this.path, "trusted");
  }

  /** Where configuration and code of a kind of untrusted process are, for it to read. */
  codeDir(kind: Untrusted, bundleDir: string): string {
    const dir = this.#make(kind, 0o755);
    const files = kind === "compiler" ? [BUNDLE_FILES.compiler, BUNDLE_FILES.compilerBytes] : [BUNDLE_FILES[kind]];
    for (const file of files) {
      copyFileSync(join(bundleDir, file), join(dir, file));
      chmodSync(join(dir, file), 0o644);
    }
    return dir;
  }

  /** A folder that one process alone may write: its socket is in it. */
  seatDir(kind: Untrusted, seat: number): string {
    return join(this.path, `${kind}-${seat}`);
  }

  seatSocket(kind: Untrusted, seat: number): string {
    return join(this.seatDir(kind, seat), "s");
  }

  /** Empties the folder of a seat for the next process. */
  prepareSeat(kind: Untrusted, seat: number, owner: Owner | undefined): void {
    const dir = this.seatDir(kind, seat);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o700 });
    if (owner) chownSync(dir, owner.uid, owner.gid);
  }

  write(path: string, config: string): void {
    writeFileSync(path, config, { mode: 0o644 });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #make(name: string, mode: number): string {
    const dir = join(this.path, name);
    mkdirSync(dir, { recursive: true, mode });
    chmodSync(dir, mode);
    return dir;
  }
}
