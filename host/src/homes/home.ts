import type { Fate, Verdict } from "../pool/lease.ts";
import type { ProcessUsage } from "../process/accounting.ts";
import type { WorkerdProcess } from "../process/workerd.ts";
import { HOME_LIMITS } from "./limits.ts";
import type { HomeRequest } from "./options.ts";

/** A call of an object while it lasts. */
export interface HomeCall {
  readonly id: string;
  readonly request: HomeRequest;
  readonly startedMs: number;
  readonly settle: (verdict: Verdict) => void;
  /** Its part of the CPU time of the process: that of each moment is shared by those who were there. */
  cpuMs: number;
  peakMemoryMb: number;
  /** The process has said so. */
  hasBegun: boolean;
}

export type Judgement = { readonly fate: "cpu" | "memory" | "ended"; readonly guilty: HomeCall | undefined };

/** One process with the objects of one function, from its boot to its end. */
export class Home {
  readonly key: string;
  readonly tenant: string;
  readonly seat: number;
  readonly calls = new Map<string, HomeCall>();
  process: WorkerdProcess | undefined;
  isEnding = false;
  /** Settles when its process is gone, and all that it wrote is read. */
  readonly gone: Promise<void>;
  readonly #gone = Promise.withResolvers<void>();
  /** Calls that it has had. */
  count = 0;
  /** How many it had had when what it stores was last looked at. */
  measuredCount = 0;
  /** When it is looked at again. */
  measureAtMs = 0;
  idleSinceMs: number;
  /** A question whether its thread is free is under way. */
  isAsked = false;
  /** What it had used when it was last looked at, and when its thread last was free. */
  #last: ProcessUsage = { cpuMs: 0, memoryMb: 0 };
  #free: { readonly cpuMs: number; readonly by: string | undefined } = { cpuMs: 0, by: undefined };
  #idleCpuMs = 0;
  /** Those that may be in memory, each with when it was last called. */
  readonly #objects = new Map<string, number>();
  /** What it had before anybody called it: what is more is of its objects. */
  #emptyMb: number | undefined;

  constructor(key: string, tenant: string, seat: number, nowMs: number) {
    this.key = key;
    this.tenant = tenant;
    this.seat = seat;
    this.idleSinceMs = nowMs;
    this.gone = this.#gone.promise;
  }

  leave(): void {
    this.#gone.resolve();
  }

  /** Its thread was free, or began the call that is named. */
  noteFree(by?: string): void {
    const begun = by === undefined ? undefined : this.calls.get(by);
    if (begun) begun.hasBegun = true;
    this.#free = { cpuMs: this.#last.cpuMs, by };
  }

  /** What it uses, for who wants to know why it was ended. */
  get used(): { cpuMs: number; memoryMb: number; calls: number; objects: number } {
    return { ...this.#last, calls: this.calls.size, objects: this.#objects.size };
  }

  /** Whether there are as many objects in memory as there may be, and this one is not among them. */
  isCrowdedFor(objectKey: string, nowMs: number): boolean {
    if (this.#objects.has(objectKey) || this.#objects.size < HOME_LIMITS.objects) return false;
    this.#forgetLeft(nowMs);
    return this.#objects.size >= HOME_LIMITS.objects;
  }

  /** In the order of their last calls: those that have left memory since. */
  #forgetLeft(nowMs: number): void {
    for (const [key, calledMs] of this.#objects) {
      if (nowMs - calledMs < HOME_LIMITS.objectMs) return;
      this.#objects.delete(key);
    }
  }

  #noteObject({ objectKey }: HomeCall["request"], nowMs: number): void {
    if (objectKey === undefined) return;
    this.#objects.delete(objectKey);
    this.#objects.set(objectKey, nowMs);
  }

  begin(call: HomeCall, usage: ProcessUsage): void {
    this.#emptyMb ??= usage.memoryMb;
    this.observe(usage);
    if (this.calls.size === 0) this.noteFree();
    this.#noteObject(call.request, call.startedMs);
    this.calls.set(call.id, call);
    this.count++;
  }

  /** Shares out what was used since the last look. */
  observe(usage: ProcessUsage | undefined): void {
    if (!usage) return;
    const share = (usage.cpuMs - this.#last.cpuMs) / Math.max(1, this.calls.size);
    this.#last = usage;
    for (const call of this.calls.values()) {
      call.cpuMs += share;
      call.peakMemoryMb = Math.max(call.peakMemoryMb, usage.memoryMb - (this.#emptyMb ?? 0));
    }
  }

  finish(id: string, fate: Fate, nowMs: number): void {
    const call = this.calls.get(id);
    if (!call) return;
    this.calls.delete(id);
    this.#noteObject(call.request, nowMs);
    if (this.calls.size === 0) {
      this.idleSinceMs = nowMs;
      this.#idleCpuMs = this.#last.cpuMs;
    }
    call.settle({ fate, cpuMs: call.cpuMs, memoryMb: call.peakMemoryMb, logs: [], hasBegun: call.hasBegun });
  }

  /** Whether its process must be ended, and for whose call. */
  judge(nowMs: number): Judgement | undefined {
    const calls = [...this.calls.values()];
    if (calls.length === 0) {
      return this.#last.cpuMs - this.#idleCpuMs > HOME_LIMITS.restMs ? { fate: "ended", guilty: undefined } : undefined;
    }
    const heldMs = this.#last.cpuMs - this.#free.cpuMs;
    const mostCpuMs = Math.max(...calls.map(({ request }) => request.limits.cpuMs));
    if (heldMs > mostCpuMs + HOME_LIMITS.graceCpuMs) return { fate: "cpu", guilty: this.#holder(calls) };
    const over = calls.find(({ cpuMs, request }) => cpuMs > request.limits.cpuMs + HOME_LIMITS.graceCpuMs);
    if (over) return { fate: "cpu", guilty: over };
    // What the runtime takes for each object is not of its code.
    const ofRuntimeMb = (this.#objects.size * HOME_LIMITS.objectKb) / 1_024;
    const large = calls.find(({ peakMemoryMb, request }) => peakMemoryMb - ofRuntimeMb > request.limits.memoryMb);
    if (large) return { fate: "memory", guilty: calls.length === 1 ? large : calls.at(-1) };
    // The front has a clock of its own; this is for a call that it forgot.
    const forgotten = calls.find(({ startedMs, request }) => nowMs - startedMs > request.limits.wallMs + HOME_LIMITS.waitMs);
    if (forgotten) this.finish(forgotten.id, "ended", nowMs);
    return undefined;
  }

  /** Who holds the thread, as far as that can be known: the only one, or who began and never let go. */
  #holder(calls: readonly HomeCall[]): HomeCall | undefined {
    return calls.length === 1 ? calls[0] : calls.find(({ id }) => id === this.#free.by);
  }
}
