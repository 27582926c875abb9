/** What is to be done about a process, from what it uses. Pure. */
import type { ProcessUsage } from "../process/accounting.ts";
import { POOL_LIMITS } from "./limits.ts";
import type { ActiveLease } from "./member.ts";

/** Of a process that runs something. */
export function judge(
  { request, startedMs, hasBegun, cpuMs, peakMemoryMb }: ActiveLease,
  nowMs: number,
  niceAfterMs: number,
): "cpu" | "memory" | "ended" | "lost" | "nice" | undefined {
  const { limits } = request;
  // The tenant's last run left something that holds the thread. Who came after is not guilty, and runs elsewhere.
  if (!hasBegun && (cpuMs > Math.min(limits.cpuMs, POOL_LIMITS.restMs) || peakMemoryMb > limits.memoryMb)) return "lost";
  if (cpuMs > limits.cpuMs) return "cpu";
  if (peakMemoryMb > limits.memoryMb) return "memory";
  // The front has a clock of its own; this is for a lease that it forgot.
  if (nowMs - startedMs > limits.wallMs + POOL_LIMITS.overdueMs) return "ended";
  return cpuMs > niceAfterMs ? "nice" : undefined;
}

/** Of one that runs nothing: more CPU time than this is something that a run left. */
export function isLeftBusy(usage: ProcessUsage, cpuAtReleaseMs: number): boolean {
  return usage.cpuMs - cpuAtReleaseMs > POOL_LIMITS.restMs;
}

/** Why a process is gone that nobody ended. */
export function fateOf(said: string, lease: ActiveLease | undefined): "memory" | "lost" {
  if (/out of memory|OOM/i.test(said)) return "memory";
  // The kernel's own killer, when the machine has no memory left, says nothing.
  return lease && lease.peakMemoryMb > 0.8 * lease.request.limits.memoryMb ? "memory" : "lost";
}
