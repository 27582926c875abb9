/** The processes of one host: a front, the stores, and the pools of executors and compilers. */
import { rmSync } from "node:fs";
import { HOME_SEATS, Homes } from "./homes/homes.ts";
import { HOME_LIMITS } from "./homes/limits.ts";
import { bootHome, removeStored, storedBytes } from "./homes/storage.ts";
import { join } from "node:path";
import { compilerConfig, executorConfig, frontConfig, homeConfig, storeConfig } from "./config/processes.ts";
import { Control } from "./control.ts";
import { Crashes } from "./crashes.ts";
import type { DataFolder } from "./data-folder.ts";
import type { Log } from "./log.ts";
import { Pool } from "./pool/pool.ts";
import type { Size } from "./pool/share.ts";
import { accounting } from "./process/accounting.ts";
import type { Confinement } from "./process/confine.ts";
import { Kept } from "./process/kept.ts";
import { LONG_WORK, LongWork } from "./process/long-work.ts";
import { giveWay, mayTakeBack } from "./process/priority.ts";
import { startWorkerd, type WorkerdProcess } from "./process/workerd.ts";
import type { RunFolder, Untrusted } from "./run-folder.ts";

export interface FamilyOptions {
  readonly data: DataFolder;
  readonly folder: RunFolder;
  readonly bundleDir: string;
  /** The configuration as JSON (docs/auth.md); empty for the defaults. */
  readonly config: string;
  readonly executors: Size;
  /** The most memory that a tier may give an execution. */
  readonly maxMemoryMb: number;
  readonly regexpFallback: boolean;
  readonly confinement: Confinement;
  readonly log: Log;
  readonly newId: () => string;
}

const COMPILERS: Size = { min: 0, max: 1, reserve: 0 };
const COMPILER_MEMORY_MB = 768;
/** What a process may keep after a run: a fresh one has about 20 MB of its own, and the compiler 300 once it was used. */
const MOST_IDLE_MB = { executor: 200, compiler: 600, home: 200 };
const READY_MS = 30_000;
const now = () => performance.now();

export class Family {
  readonly #options: FamilyOptions;
  readonly #folder: RunFolder;
  readonly #crashes = new Crashes(now);
  readonly #pools: { executor: Pool; compiler: Pool };
  readonly #homes: Homes;
  readonly #control: Control;
  readonly #stores: readonly Kept[];
  readonly #front: Kept;
  readonly #looking: ReturnType<typeof setInterval> | undefined;

  constructor(options: FamilyOptions) {
    this.#options = options;
    this.#folder = options.folder;
    const { data, executors, maxMemoryMb } = options;
    this.#pools = {
      executor: this.#pool("executor", executors, maxMemoryMb),
      compiler: this.#pool("compiler", COMPILERS, COMPILER_MEMORY_MB),
    };
    this.#homes = this.#newHomes();
    this.#stores = Array.from({ length: data.shards }, (_, i) => this.#kept(`store-${i}`, () => {}));
    this.#control = new Control({
      pools: this.#pools,
      homes: this.#homes,
      stores: this.#stores,
      check: () => this.#crashes.check(),
    });
    this.#front = this.#kept("front", () => {});
    this.#looking = this.#watchStores();
  }

  /** Settles when all serve. @throws Error with what a process said that did not start */
  async open(): Promise<void> {
    this.#configure();
    await this.#control.listen(this.#folder.trustedSocket("supervisor"));
    await Promise.all([this.#pools.executor.open(), this.#front.open(), ...this.#stores.map((store) => store.open())]);
  }

  /** Settles when the front has run code. workerd listens before that. @throws Error with what it answered */
  async ready(): Promise<void> {
    await this.#front.ask("/ready", READY_MS);
  }

  /** Where the front listens. */
  get frontSocket(): string {
    return this.#folder.trustedSocket("front");
  }

  /** Settles when the front serves, also while it is being started again. */
  get frontServing(): Promise<void> {
    return this.#front.serving;
  }

  /** By kind: for those who want to see or to end one. */
  get pids(): {
    front: number | undefined;
    stores: readonly (number | undefined)[];
    executors: readonly number[];
    compilers: readonly number[];
    homes: readonly number[];
  } {
    return {
      front: this.#front.pid,
      stores: this.#stores.map(({ pid }) => pid),
      executors: this.#pools.executor.pids,
      compilers: this.#pools.compiler.pids,
      homes: this.#homes.pids,
    };
  }

  /** At once, waiting for nothing. */
  kill(): void {
    const { front, stores, executors, compilers, homes } = this.pids;
    for (const pid of [front, ...stores, ...executors, ...compilers, ...homes]) {
      try {
        if (pid !== undefined) process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  }

  /** What runs gets `withinMs` to end; 0 is at once. */
  async close(withinMs: number): Promise<void> {
    clearInterval(this.#looking);
    await this.#front.stop(withinMs > 0 ? "SIGTERM" : "SIGKILL", withinMs);
    await Promise.all([
      this.#pools.executor.close(),
      this.#pools.compiler.close(),
      this.#homes.close(),
      ...this.#stores.map((store) => store.stop(withinMs > 0 ? "SIGTERM" : "SIGKILL", Math.min(withinMs, 5_000))),
    ]);
    this.#control.close();
  }

  /** An ordinary user can give priority up, and not take it back: there a long statement keeps it. */
  #watchStores(): ReturnType<typeof setInterval> | undefined {
    if (process.platform !== "linux" || !mayTakeBack()) return undefined;
    const stores = new LongWork(this.#stores, { accounting, giveWay });
    return setInterval(() => stores.look(), LONG_WORK.everyMs).unref();
  }

  #configure(): void {
    const { data, bundleDir, executors, maxMemoryMb, regexpFallback } = this.#options;
    const folder = this.#folder;
    const seats = (kind: Untrusted, count: number) => Array.from({ length: count }, (_, seat) => folder.seatSocket(kind, seat));
    const front = frontConfig({
      configDir: folder.trustedDir,
      bundleDir,
      storageDir: data.storageDir("front"),
      egressToLoopback: namesLoopback(this.#options.config),
      supervisorSocket: folder.trustedSocket("supervisor"),
      executorSockets: seats("executor", seatCount(executors)),
      compilerSockets: seats("compiler", seatCount(COMPILERS)),
      homeSockets: seats("home", HOME_SEATS),
      storeSockets: this.#stores.map((_, i) => folder.trustedSocket(`store-${i}`)),
    });
    folder.write(folder.trustedConfig("front"), front);
    for (const [i] of this.#stores.entries()) {
      folder.write(
        folder.trustedConfig(`store-${i}`),
        storeConfig({ configDir: folder.trustedDir, bundleDir }, data.storageDir(`store-${i}`)),
      );
    }
    const executor = folder.codeDir("executor", bundleDir);
    folder.write(
      join(executor, "executor.capnp"),
      executorConfig({ configDir: executor, bundleDir: executor }, { maxMemoryMb, regexpFallback }),
    );
    const compiler = folder.codeDir("compiler", bundleDir);
    folder.write(join(compiler, "compiler.capnp"), compilerConfig({ configDir: compiler, bundleDir: compiler }));
    const home = folder.codeDir("home", bundleDir);
    folder.write(join(home, "home.capnp"), homeConfig({ configDir: home, bundleDir: home }, { maxMemoryMb }));
  }

  #kept(name: string, onEnd: () => void): Kept {
    const { log } = this.#options;
    return new Kept({ name, log, onEnd, start: () => this.#startTrusted(name), onCrash: (why) => this.#noteCrash(name, why) });
  }

  async #startTrusted(name: string): Promise<WorkerdProcess> {
    const { data, log, confinement } = this.#options;
    const socketPath = this.#folder.trustedSocket(name);
    rmSync(socketPath, { force: true });
    const started = await startWorkerd({
      configPath: this.#folder.trustedConfig(name),
      socketPath,
      env: name === "front" ? { DO_ROOT_KEY: data.rootKey, DO_SECRETS_KEY: data.secretsKey, DO_CONFIG: this.#options.config } : {},
      confine: confinement.trusted,
      onLine: (line) => logSaid(log, name, line),
      onError: (text) => log("debug", "said", { process: name, text }),
    });
    data.noteWriter(name, started.pid);
    return started;
  }

  #pool(kind: "executor" | "compiler", size: Size, maxMemoryMb: number): Pool {
    const { confinement, log, newId } = this.#options;
    const boot = (seat: number, onLine: (line: string) => void) => {
      this.#folder.prepareSeat(kind, seat, confinement.owner);
      return startWorkerd({
        configPath: join(this.#folder.path, kind, `${kind}.capnp`),
        socketPath: this.#folder.seatSocket(kind, seat),
        env: {},
        confine: confinement.untrusted({
          readable: join(this.#folder.path, kind),
          writable: this.#folder.seatDir(kind, seat),
          maxMemoryMb,
        }),
        onLine,
        onError: (text) => log("debug", "said", { process: `${kind}-${seat}`, text }),
      });
    };
    return new Pool({
      name: kind,
      size,
      seats: seatCount(size),
      mostIdleMb: MOST_IDLE_MB[kind],
      maxMemoryMb,
      boot,
      accounting,
      now,
      newId,
      log,
      onCrash: (why) => this.#noteCrash(kind, why),
    });
  }

  #newHomes(): Homes {
    const { data, confinement, maxMemoryMb, log, newId } = this.#options;
    return new Homes({
      maxMemoryMb,
      mostIdleMb: MOST_IDLE_MB.home,
      mostStoredMb: HOME_LIMITS.storedMb,
      boot: async (seat, home, onLine) => {
        this.#folder.prepareSeat("home", seat, confinement.owner);
        const onError = (text: string) => log("debug", "said", { process: `home-${seat}`, text });
        const started = await bootHome({
          configPath: join(this.#folder.path, "home", "home.capnp"),
          socketPath: this.#folder.seatSocket("home", seat),
          room: { readable: join(this.#folder.path, "home"), writable: this.#folder.seatDir("home", seat), maxMemoryMb },
          dir: data.homeDir(home),
          confinement,
          onLine,
          onError,
        });
        data.noteWriter(`home-${seat}`, started.pid);
        return started;
      },
      storedBytes: (home) => storedBytes(data.homeDir(home)),
      remove: (home) => removeStored(data.homeDir(home)),
      accounting,
      now,
      newId,
      log,
      onCrash: (why) => this.#noteCrash("home", why),
    });
  }

  #noteCrash(process: string, why: string): void {
    if (this.#crashes.note(process, why)) this.#options.log("error", "crash-loop", { process, why });
  }
}

/** All at work, one spare, and as many that have been ended and are not gone yet. */
function seatCount({ max, reserve }: Size): number {
  return 2 * (max + reserve + 1);
}

/** Whether the configuration says that issuers on this machine may be asked. */
function namesLoopback(config: string): boolean {
  if (config === "") return false;
  try {
    const { loopbackOrigins } = JSON.parse(config) as { loopbackOrigins?: unknown };
    return Array.isArray(loopbackOrigins) && loopbackOrigins.length > 0;
  } catch {
    return false;
  }
}

/** What a trusted process writes, at the level that it has there. */
function logSaid(log: Log, process: string, line: string): void {
  let said: { level?: unknown; message?: unknown };
  try {
    said = JSON.parse(line) as typeof said;
  } catch {
    said = { message: line };
  }
  log(said.level === "error" || said.level === "warn" ? said.level : "debug", "said", { process, message: said.message });
}
