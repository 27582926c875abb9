import type { ProcessUsage } from "../process/accounting.ts";
import type { WorkerdProcess } from "../process/workerd.ts";
import type { Fate, LeaseRequest, Verdict } from "./lease.ts";
import { Output } from "./output.ts";

/** A lease while it lasts. */
export interface ActiveLease {
  readonly id: string;
  readonly request: LeaseRequest;
  readonly startedMs: number;
  /** What the process had used before. */
  readonly before: ProcessUsage;
  readonly settle: (verdict: Verdict) => void;
  /** Whether its process has begun with it: until then, what the process uses is of something that was left there. */
  hasBegun: boolean;
  cpuMs: number;
  peakMemoryMb: number;
}

/** One process of a pool, from its boot to its end. */
export class Member {
  readonly seat: number;
  readonly output: Output;
  state: "booting" | "idle" | "leased" | "ending" = "booting";
  process: WorkerdProcess | undefined;
  lease: ActiveLease | undefined;
  runs = 0;
  /** Whose code it ran last. Until it is clean, only theirs may follow: something of it may be left. */
  lastTenant: string | undefined;
  isClean = true;
  /** Whether a question is under way that makes it clean. */
  isAsked = false;
  idleSinceMs = 0;
  /** CPU time at its last release, for what a run leaves busy. */
  cpuAtReleaseMs = 0;
  /** It gives way to those that just began. */
  isNice = false;
  #fate: Exclude<Fate, "kept"> | undefined;

  constructor(seat: number, onDone: (lease: string) => void) {
    this.seat = seat;
    const onBegan = (lease: string) => {
      if (this.lease?.id === lease) this.lease.hasBegun = true;
    };
    this.output = new Output(onBegan, onDone);
  }

  begin(lease: ActiveLease): void {
    this.output.drain();
    Object.assign(this, { state: "leased", lease, lastTenant: lease.request.tenant, isClean: false });
  }

  /** The run is over and its process goes on. */
  finish(atMs: number): void {
    const { lease } = this;
    if (!lease) return;
    this.runs++;
    Object.assign(this, { state: "idle", lease: undefined, idleSinceMs: atMs, cpuAtReleaseMs: lease.before.cpuMs + lease.cpuMs });
    lease.settle({ fate: "kept", cpuMs: lease.cpuMs, memoryMb: lease.peakMemoryMb, logs: [] });
  }

  /** Ends its process; the first reason counts. */
  end(fate: Exclude<Fate, "kept">): void {
    if (this.state === "ending") return;
    this.state = "ending";
    this.#fate = fate;
    this.process?.kill("SIGKILL");
  }

  /** Its process is gone, and all that it wrote is read. */
  gone(): void {
    const { lease } = this;
    if (!lease) return;
    this.lease = undefined;
    lease.settle({ fate: this.#fate ?? "lost", cpuMs: lease.cpuMs, memoryMb: lease.peakMemoryMb, logs: this.output.drain() });
  }

  /** Notes what the lease uses now. */
  observe(usage: ProcessUsage | undefined): void {
    const { lease } = this;
    if (!lease || !usage) return;
    lease.cpuMs = usage.cpuMs - lease.before.cpuMs;
    lease.peakMemoryMb = Math.max(lease.peakMemoryMb, usage.memoryMb - lease.before.memoryMb);
  }
}
