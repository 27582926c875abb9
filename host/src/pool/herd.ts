import type { Log } from "../log.ts";
import type { Accounting, ProcessUsage } from "../process/accounting.ts";
import { giveWay } from "../process/priority.ts";
import type { Exit, WorkerdProcess } from "../process/workerd.ts";
import { POOL_LIMITS } from "./limits.ts";
import { Member } from "./member.ts";
import { fateOf } from "./watch.ts";

export interface HerdOptions {
  readonly name: string;
  /** How many processes may be there at a time, those included that are ending. */
  readonly seats: number;
  /** A process that keeps more than this after a run is ended. */
  readonly mostIdleMb: number;
  readonly boot: (seat: number, onLine: (line: string) => void) => Promise<WorkerdProcess>;
  readonly accounting: Accounting;
  readonly now: () => number;
  readonly log: Log;
  /** Called for each process that ended unasked, or did not start. */
  readonly onCrash: (why: string) => void;
}

/** The processes of a pool: booted, kept clean, ended when they have had enough. */
export class Herd {
  readonly members = new Set<Member>();
  readonly #options: HerdOptions;
  /** Something is free that was not, or there is room. */
  readonly #onChange: () => void;
  readonly #onDone: (lease: string) => void;
  #retryBoot: ReturnType<typeof setTimeout> | undefined;
  readonly #booting = new Set<Promise<void>>();
  #failedBoots = 0;
  #isClosed = false;

  constructor(options: HerdOptions, onChange: () => void, onDone: (lease: string) => void) {
    this.#options = options;
    this.#onChange = onChange;
    this.#onDone = onDone;
  }

  /** Those that are there or on their way. */
  get able(): Member[] {
    return [...this.members].filter(({ state }) => state !== "ending");
  }

  /** The one used last, for its caches; of another tenant only when nothing of that is left in it. */
  idleFor(tenant: string): Member | undefined {
    const idle = this.able.filter(({ state }) => state === "idle").toSorted((a, b) => b.idleSinceMs - a.idleSinceMs);
    return idle.find(({ lastTenant }) => lastTenant === tenant) ?? idle.find(({ isClean }) => isClean);
  }

  /** Boots as many as `wanted` and there is room for; fewer at a time, for a boot is work. */
  grow(wanted: number): void {
    if (this.#isClosed || this.#retryBoot) return;
    const booting = this.able.filter(({ state }) => state === "booting").length;
    const room = Math.min(POOL_LIMITS.bootingAtOnce - booting, this.#options.seats - this.members.size);
    for (let i = 0; i < Math.min(wanted - booting, room); i++) void this.boot().catch(() => undefined);
  }

  boot(): Promise<void> {
    const booting = this.#boot().finally(() => this.#booting.delete(booting));
    this.#booting.add(booting);
    return booting;
  }

  async #boot(): Promise<void> {
    const { boot, now } = this.#options;
    const member = new Member(this.#freeSeat(), this.#onDone);
    this.members.add(member);
    try {
      const process = await boot(member.seat, (line) => member.output.take(line));
      member.process = process;
      void process.ended.then((exit) => this.#onEnd(member, exit));
      // Closed while it booted: there was no process to end then.
      if (member.state === "ending") return process.kill("SIGKILL");
      this.#failedBoots = 0;
      Object.assign(member, { state: "idle", idleSinceMs: now() });
      this.#onChange();
    } catch (error) {
      this.members.delete(member);
      this.#bootLater(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  usage({ process }: Member): ProcessUsage | undefined {
    return process && this.#options.accounting.usage(process.pid);
  }

  /** A run has ended: its process goes on, unless it has had enough. */
  rest(member: Member): void {
    const isWornOut = member.runs >= POOL_LIMITS.runs || (this.usage(member)?.memoryMb ?? 0) > this.#options.mostIdleMb;
    if (isWornOut || (member.isNice && !this.setNice(member, 0))) member.end("ended");
  }

  /** Nothing of the last run is left when, a moment after its context was ended, the thread is free to answer. */
  async clean(member: Member): Promise<void> {
    const { process, runs } = member;
    if (!process || member.isAsked || member.isClean) return;
    member.isAsked = true;
    const settledInMs = member.idleSinceMs + POOL_LIMITS.settleMs - this.#options.now();
    if (settledInMs > 0) await new Promise((resolve) => void setTimeout(resolve, settledInMs));
    const isFree = await process.ask("/", POOL_LIMITS.pingMs).then(
      () => true,
      () => false,
    );
    member.isAsked = false;
    if (!isFree || member.state !== "idle" || member.runs !== runs) return;
    member.isClean = true;
    this.#onChange();
  }

  /** @returns whether it could: an ordinary user can give priority up, and not take it back */
  setNice(member: Member, nice: number): boolean {
    try {
      if (member.process) giveWay(member.process.pid, nice);
      member.isNice = nice > 0;
      return true;
    } catch {
      return false;
    }
  }

  /** Ends those that have had nothing to do for long, but for `least`. */
  shrink(least: number): void {
    const isLongIdle = ({ state, idleSinceMs }: Member) => state === "idle" && this.#options.now() - idleSinceMs > POOL_LIMITS.idleMs;
    const tooMany = Math.max(0, this.able.length - least);
    for (const member of this.able.filter(isLongIdle).slice(0, tooMany)) member.end("ended");
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryBoot);
    const members = [...this.members];
    for (const member of members) member.end("ended");
    await Promise.allSettled(this.#booting);
    await Promise.all(members.flatMap(({ process }) => (process ? [process.ended] : [])));
  }

  #bootLater(why: string): void {
    if (this.#isClosed) return;
    const { name, log, onCrash } = this.#options;
    log("error", "process-did-not-start", { process: name, why });
    onCrash(`it did not start: ${why}`);
    const delayMs = Math.min(POOL_LIMITS.backOffMs * 2 ** this.#failedBoots++, POOL_LIMITS.mostBackOffMs);
    this.#retryBoot ??= setTimeout(() => {
      this.#retryBoot = undefined;
      if (!this.#isClosed) this.#onChange();
    }, delayMs);
  }

  #freeSeat(): number {
    const taken = new Set([...this.members].map(({ seat }) => seat));
    for (let seat = 0; ; seat++) if (!taken.has(seat)) return seat;
  }

  #onEnd(member: Member, { code, signal, said }: Exit): void {
    const wasAsked = member.state === "ending";
    const fate = fateOf(said, member.lease);
    const hadCode = member.lease !== undefined;
    member.end(fate);
    member.gone();
    this.members.delete(member);
    if (this.#isClosed) return;
    if (!wasAsked) {
      const { name, log, onCrash } = this.#options;
      const how = signal ?? `exit code ${code}`;
      log(fate === "memory" ? "info" : "warn", "process-ended", { process: `${name}-${member.seat}`, how, fate });
      // Code may find a way to end its process, as often as it likes: that is no fault of the process.
      if (!hadCode) onCrash(`it ended: ${how}`);
    }
    this.#onChange();
  }
}
