import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Whether priority that was given up can be had again: an ordinary user cannot. */
export function mayTakeBack(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Lets other processes go first (19 most, 0 not at all). @throws Error when that is not allowed
 *
 * Linux shares the machine out between sessions before it looks at what is in them (sched_autogroup_enabled, which is
 * usual), and each of our processes is a session of its own: their sessions must give way too.
 */
export function giveWay(pid: number, nice: number): void {
  setPriority(pid, nice);
  if (process.platform !== "linux") return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice), { flag: "r+" });
  } catch {
    // A kernel without them.
  }
}
