import { FairQueue } from "../pool/fair-queue.ts";
import type { Fate, Lease, LiveUsage, Refusal, Verdict } from "../pool/lease.ts";
import { Output } from "../pool/output.ts";
import { POOL_LIMITS } from "../pool/limits.ts";
import { fateOf } from "../pool/watch.ts";
import type { WorkerdProcess } from "../process/workerd.ts";
import { Home, type HomeCall } from "./home.ts";
import type { HomeRequest, HomesOptions } from "./options.ts";
import { HOME_LIMITS } from "./limits.ts";
import { allBusy, crowded, didNotStart, full, memoryTooLarge } from "./refusals.ts";

interface Waiting {
  readonly request: HomeRequest;
  readonly sinceMs: number;
  readonly grant: (lease: Lease) => void;
  readonly refuse: (refusal: Refusal) => void;
}

/** Places for homes: as many that have been ended may not be gone yet. */
export const HOME_SEATS = 2 * (HOME_LIMITS.homes + HOME_LIMITS.nestedHomes);
const MIB = 1024 * 1024;

/**
 * The processes that have the objects of functions, one for each function whose objects are called. A process has many
 * calls at a time, as its objects do; ending it ends these, and no other function's. The least recently used gives way.
 */
export class Homes {
  readonly #options: HomesOptions;
  readonly #homes = new Map<string, Home>();
  /** Those that are there and those that are not gone yet. */
  readonly #present = new Set<Home>();
  readonly #queue = new FairQueue<Waiting>();
  readonly #called = new Map<string, Home>();
  readonly #full = new Set<string>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly #tidying: ReturnType<typeof setInterval>;
  #watching: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;

  constructor(options: HomesOptions) {
    this.#options = options;
    this.#tidying = setInterval(() => this.#endIdle(), HOME_LIMITS.idleMs / 6).unref();
  }

  get pids(): readonly number[] {
    return [...this.#present].flatMap(({ process }) => (process ? [process.pid] : []));
  }

  /** Waits for the home's process. `signal` is aborted when nobody waits any more. @throws Refusal */
  async lease(request: HomeRequest, signal: AbortSignal): Promise<Lease> {
    if (!/^[0-9a-f]{64}$/.test(request.home)) throw new Error("A home is named by a hash");
    await this.#refuse(request);
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const waiting: Waiting = { request, sinceMs: this.#options.now(), grant: resolve, refuse: reject };
    const leave = () => void this.#queue.remove(request.home, waiting);
    const timer = setTimeout(() => {
      leave();
      reject(allBusy());
    }, HOME_LIMITS.waitMs);
    signal.addEventListener("abort", leave, { once: true });
    this.#queue.push(request.home, waiting);
    this.#dispatch();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    });
  }

  /** The front has given the call up. Its process is not ended for that; one that ended by itself has all that it wrote read first. */
  async end(lease: string): Promise<void> {
    const process = this.#called.get(lease)?.process;
    const isThere = await process?.ask("/", HOME_LIMITS.endMs).then(
      () => true,
      () => false,
    );
    const settledMs = isThere ? POOL_LIMITS.exitMs : HOME_LIMITS.endMs;
    const settled = new Promise((resolve) => void setTimeout(resolve, settledMs).unref());
    await Promise.race([process?.ended, settled]);
    this.#finish(lease, "lost");
  }

  leave(lease: string): void {
    this.#finish(lease, "kept");
  }

  usage(executionIds: ReadonlySet<string>): LiveUsage[] {
    return [...this.#called].flatMap(([id, home]) => {
      const call = home.calls.get(id);
      if (!call || !executionIds.has(call.request.executionId)) return [];
      const { request, startedMs, cpuMs, peakMemoryMb: memoryMb } = call;
      return [
        { executionId: request.executionId, executor: `home-${home.seat}`, wallMs: this.#options.now() - startedMs, cpuMs, memoryMb },
      ];
    });
  }

  /** Ends the home and deletes what it has stored. */
  async remove(key: string): Promise<void> {
    if (!/^[0-9a-f]{64}$/.test(key)) throw new Error("A home is named by a hash");
    const removing = this.#remove(key).finally(() => {
      this.#removing.delete(key);
      this.#dispatch();
    });
    this.#removing.set(key, removing);
    await removing;
  }

  async #remove(key: string): Promise<void> {
    const present = this.#presentOf(key);
    for (const home of present) this.#end(home, "ended", undefined);
    await Promise.all(present.map(({ gone }) => gone));
    this.#full.delete(key);
    await this.#options.remove(key);
  }

  /** Also those that are ending: nobody else may have their folder before they are gone. */
  #presentOf(key: string): readonly Home[] {
    return [...this.#present].filter((home) => home.key === key);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#tidying);
    clearInterval(this.#watching);
    for (const home of this.#present) this.#end(home, "ended", undefined);
    await Promise.all([...this.#present].map(({ gone }) => gone));
  }

  async #refuse({ limits, home, isForgetting, objectKey = "" }: HomeRequest): Promise<void> {
    const { maxMemoryMb } = this.#options;
    await this.#removing.get(home);
    if (limits.memoryMb > maxMemoryMb) throw memoryTooLarge(limits.memoryMb, maxMemoryMb);
    if (this.#queue.size >= HOME_LIMITS.waiting) throw allBusy();
    if (this.#homes.get(home)?.isCrowdedFor(objectKey, this.#options.now())) throw crowded();
    if (!this.#full.has(home) || isForgetting) return;
    if (await this.#storesTooMuch(home)) throw full(this.#options.mostStoredMb);
    this.#full.delete(home);
  }

  /** Gives places to those who wait, home by home in turn, and makes room for those that have none. */
  #dispatch(): void {
    for (;;) {
      const next = this.#queue.take(({ request }) => (this.#servingOf(request.home)?.calls.size ?? Infinity) < HOME_LIMITS.calls);
      if (!next) break;
      this.#grant(next);
    }
    // Those are left whose home is not there: one of each is enough to boot it.
    const left = this.#queue.take(({ request }) => this.#isAway(request.home) && this.#hasRoom(request));
    if (!left) return;
    this.#queue.push(left.request.home, left);
    this.#boot(left.request);
    this.#dispatch();
  }

  #isAway(key: string): boolean {
    return this.#presentOf(key).length === 0 && !this.#removing.has(key);
  }

  #servingOf(key: string): Home | undefined {
    const home = this.#homes.get(key);
    return home?.process && !home.isEnding ? home : undefined;
  }

  /** A quarter of the places is for tenants that have none; who has some may end a home of its own for another. */
  #hasRoom({ tenant, depth }: HomeRequest): boolean {
    if (this.#isClosed || this.#present.size >= HOME_SEATS) return false;
    const homes = [...this.#homes.values()];
    const most = HOME_LIMITS.homes + (depth > 0 ? HOME_LIMITS.nestedHomes : 0);
    const own = homes.filter((home) => home.tenant === tenant);
    const mostOwn = Math.ceil((most * 3) / 4);
    const idle = (own.length >= mostOwn ? own : homes).filter(({ process, calls }) => process && calls.size === 0);
    if (homes.length < most && own.length < mostOwn) return true;
    const [longest] = idle.toSorted((a, b) => a.idleSinceMs - b.idleSinceMs);
    if (!longest) return false;
    this.#end(longest, "ended", undefined);
    return true;
  }

  #boot({ home: key, tenant }: HomeRequest): void {
    const { boot, now, log, onCrash } = this.#options;
    const taken = new Set([...this.#present].map(({ seat }) => seat));
    const seat = Array.from({ length: HOME_SEATS }, (_, i) => i).find((i) => !taken.has(i)) ?? 0;
    const home = new Home(key, tenant, seat, now());
    this.#homes.set(key, home);
    this.#present.add(home);
    const output = new Output(
      (lease) => home.noteFree(lease),
      (lease) => {
        // What its code wrote besides, nobody asks for: logs come by RPC.
        output.drain();
        this.#finish(lease, "kept");
      },
    );
    boot(seat, key, (line) => output.take(line)).then(
      (process) => {
        home.process = process;
        void process.ended.then(({ code, signal, said }) => this.#onEnd(home, signal ?? `exit code ${code}`, said));
        if (home.isEnding) return process.kill("SIGKILL");
        this.#dispatch();
      },
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        log("error", "process-did-not-start", { process: "home", why });
        onCrash(`it did not start: ${why}`);
        const ofIt = () => this.#queue.take(({ request }) => request.home === key);
        for (let next = ofIt(); next; next = ofIt()) next.refuse(didNotStart());
        this.#forget(home);
      },
    );
  }

  #grant(waiting: Waiting): void {
    const { request, sinceMs, grant } = waiting;
    const { now, newId, accounting } = this.#options;
    const home = this.#servingOf(request.home);
    const usage = home?.process && accounting.usage(home.process.pid);
    if (!home || !usage) {
      // Its process turns out to be gone, which is seen in a moment.
      return void setTimeout(() => {
        this.#queue.push(request.home, waiting);
        this.#dispatch();
      }, 1);
    }
    const { promise: verdict, resolve } = Promise.withResolvers<Verdict>();
    const call: HomeCall = { id: newId(), request, startedMs: now(), settle: resolve, cpuMs: 0, peakMemoryMb: 0, hasBegun: false };
    const isFirst = home.count === 0;
    home.begin(call, usage);
    this.#called.set(call.id, home);
    this.#watch();
    grant({ id: call.id, seat: home.seat, isFirst, queueMs: now() - sinceMs, verdict });
  }

  #finish(lease: string, fate: Fate): void {
    const home = this.#called.get(lease);
    if (!home) return;
    if (home.process) home.observe(this.#options.accounting.usage(home.process.pid));
    if (fate === "kept") home.noteFree();
    this.#settle(home, lease, fate);
    this.#dispatch();
  }

  /** Who is guilty gets the reason; the others are lost. */
  #end(home: Home, fate: Exclude<Fate, "kept" | "lost">, guilty: HomeCall | undefined): void {
    if (home.isEnding) return;
    home.isEnding = true;
    if (this.#homes.get(home.key) === home) this.#homes.delete(home.key);
    // Of one that has not begun it is known only when all that the process wrote is read.
    for (const { id, hasBegun } of home.calls.values()) if (hasBegun) this.#settle(home, id, guilty?.id === id ? fate : "lost");
    home.process?.kill("SIGKILL");
  }

  #settle(home: Home, id: string, fate: Fate): void {
    this.#called.delete(id);
    home.finish(id, fate, this.#options.now());
  }

  #onEnd(home: Home, how: string, said: string): void {
    const { log, onCrash } = this.#options;
    if (!home.isEnding) {
      const calls = [...home.calls.values()];
      const fate = fateOf(said, undefined);
      log("warn", "process-ended", { process: `home-${home.seat}`, how, fate });
      // Code may find a way to end its process, also after its call: that is no fault of the process.
      if (home.count === 0) onCrash(`it ended: ${how}`);
      this.#end(home, fate === "memory" ? "memory" : "ended", calls.length === 1 && fate === "memory" ? calls[0] : undefined);
    }
    this.#forget(home);
  }

  #forget(home: Home): void {
    for (const id of home.calls.keys()) this.#settle(home, id, "lost");
    home.leave();
    this.#present.delete(home);
    if (this.#homes.get(home.key) === home) this.#homes.delete(home.key);
    if (!this.#isClosed) this.#dispatch();
  }

  /** Looks as long as a home is there: what nobody calls has nothing to do either. */
  #watch(): void {
    if (this.#watching) return;
    const { everyMs } = this.#options.accounting;
    let sinceMs = 0;
    this.#watching = setInterval(() => {
      sinceMs += everyMs;
      const isAsked = sinceMs % HOME_LIMITS.pingEveryMs < everyMs;
      // What nobody calls is looked at in passing.
      const isPassing = sinceMs % HOME_LIMITS.measureEveryMs < everyMs;
      for (const home of this.#homes.values()) if (home.calls.size > 0 || isPassing) this.#look(home, isAsked);
      if (this.#homes.size > 0) return;
      clearInterval(this.#watching);
      this.#watching = undefined;
    }, everyMs).unref();
  }

  #look(home: Home, isAsked: boolean): void {
    const { process } = home;
    if (!process || home.isEnding) return;
    home.observe(this.#options.accounting.usage(process.pid));
    const judgement = home.judge(this.#options.now());
    if (judgement) {
      this.#options.log("info", "home-ended", { process: `home-${home.seat}`, tenant: home.tenant, fate: judgement.fate, ...home.used });
      return this.#end(home, judgement.fate, judgement.guilty);
    }
    if (isAsked && home.calls.size > 0) void this.#ask(home, process);
    if (home.count > home.measuredCount && this.#options.now() >= home.measureAtMs) void this.#measure(home);
  }

  /** Whether its thread is free; who holds it answers nothing. */
  async #ask(home: Home, process: WorkerdProcess): Promise<void> {
    if (home.isAsked) return;
    home.isAsked = true;
    const isFree = await process.ask("/", HOME_LIMITS.waitMs).then(
      () => true,
      () => false,
    );
    home.isAsked = false;
    if (isFree) home.noteFree();
  }

  async #measure(home: Home): Promise<void> {
    const { now } = this.#options;
    const startedMs = now();
    home.measuredCount = home.count;
    home.measureAtMs = Number.POSITIVE_INFINITY;
    const isTooMuch = await this.#storesTooMuch(home.key).catch(() => false);
    // Of very many objects it is work to look: a tenth of the time is enough.
    home.measureAtMs = now() + Math.max(HOME_LIMITS.measureEveryMs, 9 * (now() - startedMs));
    if (!isTooMuch) return;
    this.#full.add(home.key);
    const isForgetting = [...home.calls.values()].some(({ request }) => request.isForgetting);
    if (!isForgetting) this.#end(home, "ended", undefined);
  }

  async #storesTooMuch(key: string): Promise<boolean> {
    const { storedBytes, mostStoredMb } = this.#options;
    return (await storedBytes(key)) > mostStoredMb * MIB;
  }

  #endIdle(): void {
    const { now, accounting, mostIdleMb } = this.#options;
    for (const home of this.#homes.values()) {
      if (!home.process || home.calls.size > 0) continue;
      const isLarge = (accounting.usage(home.process.pid)?.memoryMb ?? 0) > mostIdleMb;
      if (isLarge || now() - home.idleSinceMs > HOME_LIMITS.idleMs) this.#end(home, "ended", undefined);
    }
  }
}
