/** What processes use, as Linux counts it. */
import { readFileSync } from "node:fs";

/** Of clock ticks: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes ?? 0) * 1_024;
}

/** CPU time of all threads of a process, and of its children that have ended. */
export function cpuMs(pid: number): { own: number; ended: number } {
  // The name of the program, in parentheses, may hold anything; utime is the 12th field after it (proc(5)).
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map((ticks) => Number(ticks) * TICK_MS);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields;
  return { own: user + system, ended: endedUser + endedSystem };
}
