import { FairQueue } from "./fair-queue.ts";
import { Herd, type HerdOptions } from "./herd.ts";
import { Refusal, type Lease, type LeaseRequest, type LiveUsage, type Verdict } from "./lease.ts";
import { POOL_LIMITS } from "./limits.ts";
import type { ActiveLease, Member } from "./member.ts";
import { placesFor, type Size } from "./share.ts";
import { mayTakeBack } from "../process/priority.ts";
import { isLeftBusy, judge } from "./watch.ts";

export interface PoolOptions extends HerdOptions {
  readonly size: Size;
  /** The most memory that its processes can bear, whatever a lease asks for. */
  readonly maxMemoryMb: number;
  readonly newId: () => string;
}

interface Waiting {
  readonly request: LeaseRequest;
  readonly sinceMs: number;
  readonly grant: (lease: Lease) => void;
}

/**
 * Processes that each run one thing at a time, so that what one uses is the use of that, and ending it ends nothing
 * else. It grows while somebody waits, keeps one spare to take the place of one that was ended, and shrinks when idle.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #herd: Herd;
  readonly #queue = new FairQueue<Waiting>();
  readonly #leased = new Map<string, Member>();
  readonly #shrinking: ReturnType<typeof setInterval>;
  #watching: ReturnType<typeof setInterval> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#herd = new Herd(
      options,
      () => this.#dispatch(),
      (lease) => this.#finish(lease),
    );
    this.#shrinking = setInterval(() => this.#herd.shrink(options.size.min), POOL_LIMITS.idleMs / 3).unref();
  }

  /** Settles when the least number of processes serves. @throws Error when one does not start */
  async open(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.size.min }, () => this.#herd.boot()));
  }

  get pids(): readonly number[] {
    return [...this.#herd.members].flatMap(({ process }) => (process ? [process.pid] : []));
  }

  /** Waits for a process that runs nothing else. `signal` is aborted when nobody waits any more. @throws Refusal */
  lease(request: LeaseRequest, signal: AbortSignal): Promise<Lease> {
    const refusal = this.#refuse(request);
    if (refusal) return Promise.reject(refusal);
    const { tenant } = request;
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const waiting: Waiting = { request, sinceMs: this.#options.now(), grant: resolve };
    const line = lineOf(request);
    const leave = () => void this.#queue.remove(line, waiting);
    const timer = setTimeout(() => {
      leave();
      reject(this.#holdings(tenant) > 0 ? tenantBusy() : allBusy());
    }, POOL_LIMITS.waitMs);
    signal.addEventListener("abort", leave, { once: true });
    this.#queue.push(line, waiting);
    this.#dispatch();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    });
  }

  /** The run does not answer: its process is ended. One that ended by itself says so within moments, and then that is why. */
  end(lease: string): void {
    const member = this.#leased.get(lease);
    if (member) setTimeout(() => this.#leased.get(lease) === member && member.end("ended"), POOL_LIMITS.exitMs);
  }

  /** There was no run. */
  leave(lease: string): void {
    const member = this.#leased.get(lease);
    // Nobody has called it: whoever comes next is still the first.
    if (member?.state === "leased") member.runs--;
    this.#finish(lease);
  }

  usage(executionIds: ReadonlySet<string>): LiveUsage[] {
    return [...this.#leased.values()].flatMap((member) => {
      member.observe(this.#herd.usage(member));
      const { lease, seat } = member;
      if (!lease || !executionIds.has(lease.request.executionId)) return [];
      const { request, startedMs, cpuMs, peakMemoryMb: memoryMb } = lease;
      const wallMs = this.#options.now() - startedMs;
      return [{ executionId: request.executionId, executor: `${this.#options.name}-${seat}`, wallMs, cpuMs, memoryMb }];
    });
  }

  close(): Promise<void> {
    clearInterval(this.#shrinking);
    clearInterval(this.#watching);
    return this.#herd.close();
  }

  #refuse(request: LeaseRequest): Refusal | undefined {
    const { limits } = request;
    const { maxMemoryMb, name } = this.#options;
    if (limits.memoryMb > maxMemoryMb) {
      const message = `The tier's memoryMb is ${limits.memoryMb}, and a process of the ${name}s may have ${maxMemoryMb}: start with --memory`;
      return new Refusal("UNAVAILABLE", "MEMORY_LIMIT_TOO_LARGE", message, 60_000);
    }
    if (this.#queue.sizeOf(lineOf(request)) >= POOL_LIMITS.waitingPerTenant) return tenantBusy();
    return this.#queue.size >= POOL_LIMITS.waiting ? allBusy() : undefined;
  }

  /** Gives places to those who wait, in turn, and boots more while somebody could use them. */
  #dispatch(): void {
    for (;;) {
      const next = this.#queue.take(({ request }) => this.#places(request) > 0 && this.#herd.idleFor(request.tenant) !== undefined);
      const member = next && this.#herd.idleFor(next.request.tenant);
      if (!next || !member) break;
      if (!this.#grant(next, member)) this.#queue.push(lineOf(next.request), next);
    }
    this.#makeRoom();
  }

  /** @returns false when the process turns out to be gone */
  #grant({ request, sinceMs, grant }: Waiting, member: Member): boolean {
    const { now, newId } = this.#options;
    const before = this.#herd.usage(member);
    if (!before) {
      member.end("lost");
      return false;
    }
    const { promise: verdict, resolve } = Promise.withResolvers<Verdict>();
    const lease: ActiveLease = {
      id: newId(),
      request,
      startedMs: now(),
      before,
      settle: resolve,
      hasBegun: false,
      cpuMs: 0,
      peakMemoryMb: 0,
    };
    member.begin(lease);
    this.#leased.set(lease.id, member);
    void verdict.then(() => this.#leased.delete(lease.id));
    this.#watch();
    grant({ id: lease.id, seat: member.seat, isFirst: member.runs === 0, queueMs: now() - sinceMs, verdict });
    return true;
  }

  #finish(lease: string): void {
    const member = this.#leased.get(lease);
    if (!member || member.state !== "leased") return;
    member.observe(this.#herd.usage(member));
    this.#leased.delete(lease);
    member.finish(this.#options.now());
    this.#herd.rest(member);
    this.#dispatch();
  }

  #makeRoom(): void {
    const { max, reserve } = this.#options.size;
    const able = this.#herd.able;
    const isSpareThere = able.some(({ state }) => state === "idle" || state === "booting");
    const usable = Math.min(this.#queue.size, max + reserve - this.#leased.size);
    const wanted = Math.min(Math.max(usable, isSpareThere ? 0 : 1), max + reserve + 1 - able.length);
    this.#herd.grow(wanted);
    if (this.#queue.size > 0) for (const member of able) if (member.state === "idle") void this.#herd.clean(member);
  }

  #places({ tenant, depth }: LeaseRequest): number {
    const requests = [...this.#leased.values()].flatMap(({ lease }) => (lease ? [lease.request] : []));
    const roots = requests.filter((request) => request.depth === 0).length;
    return placesFor({ size: this.#options.size, depth, leased: requests.length, roots, holdings: this.#holdings(tenant) });
  }

  #holdings(tenant: string): number {
    return [...this.#leased.values()].filter(({ lease }) => lease?.request.tenant === tenant).length;
  }

  /** Looks as long as there is something that could go over a limit. */
  #watch(): void {
    this.#watching ??= setInterval(() => {
      for (const member of this.#herd.able) this.#look(member);
      if (this.#herd.able.some(({ state, isClean }) => state === "leased" || (state === "idle" && !isClean))) return;
      clearInterval(this.#watching);
      this.#watching = undefined;
    }, this.#options.accounting.everyMs);
  }

  #look(member: Member): void {
    const { now, log, name } = this.#options;
    if (member.lease) {
      member.observe(this.#herd.usage(member));
      const judgement = judge(member.lease, now(), mayTakeBack() ? POOL_LIMITS.niceAfterMs : POOL_LIMITS.niceForGoodAfterMs);
      if (judgement === "nice") member.isNice ||= this.#herd.setNice(member, POOL_LIMITS.nice);
      else if (judgement) member.end(judgement);
    } else if (member.state === "idle" && !member.isClean) {
      const usage = this.#herd.usage(member);
      if (usage && isLeftBusy(usage, member.cpuAtReleaseMs)) {
        log("warn", "process-left-busy", { process: `${name}-${member.seat}`, tenant: member.lastTenant });
        member.end("ended");
      } else if (now() - member.idleSinceMs > POOL_LIMITS.cleanAfterMs) void this.#herd.clean(member);
    }
  }
}

/** What another execution waits for has a line of its own: else the places that are kept for it would wait with it. */
function lineOf({ tenant, depth }: LeaseRequest): string {
  return depth > 0 ? `${tenant}\0` : tenant;
}

function allBusy(): Refusal {
  return new Refusal("UNAVAILABLE", "NO_EXECUTOR_FREE", "Cannot run code now: every executor is busy", 1_000);
}

function tenantBusy(): Refusal {
  return new Refusal("RATE_LIMITED", "TENANT_BUSY", "Cannot run code now: this tenant's own executions take all of its places", 1_000);
}
