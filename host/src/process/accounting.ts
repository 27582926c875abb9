/** What a process has used, as the operating system counts it. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessUsage {
  /** Time on a CPU of its first thread, which is the one that runs JavaScript. */
  readonly cpuMs: number;
  /** Memory of its own, that is backed by no file. */
  readonly memoryMb: number;
}

export interface Accounting {
  /** How often it is worth asking. */
  readonly everyMs: number;
  /** Undefined when the process has ended. */
  usage(pid: number): ProcessUsage | undefined;
}

const PAGE_BYTES = 4_096;
const MIB = 1024 * 1024;

/** Linux: nanoseconds of one thread, and pages, at 0.02 ms a question. */
const procfs: Accounting = {
  everyMs: 10,
  usage: (pid) => {
    try {
      const [onCpuNs] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(" ", 1);
      const [, residentPages, filePages] = readFileSync(`/proc/${pid}/statm`, "latin1").split(" ", 3);
      return { cpuMs: Number(onCpuNs) / 1e6, memoryMb: ((Number(residentPages) - Number(filePages)) * PAGE_BYTES) / MIB };
    } catch {
      return undefined;
    }
  },
};

/** Elsewhere: `ps`, which counts hundredths of a second, of all threads, and all resident memory. */
const ps: Accounting = {
  everyMs: 250,
  usage: (pid) => {
    const { stdout } = spawnSync("ps", ["-o", "time=,rss=", "-p", String(pid)], { encoding: "utf8" });
    return parsePs(stdout);
  },
};

export const accounting: Accounting = process.platform === "linux" ? procfs : ps;

/** `[[days-]hours:]minutes:seconds[.hundredths]` and kibibytes. */
export function parsePs(line: string): ProcessUsage | undefined {
  const [, days = "0", hours = "0", minutes, seconds, rssKib] =
    /^\s*(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)\s+(\d+)\s*$/.exec(line) ?? [];
  if (minutes === undefined || seconds === undefined) return undefined;
  const total = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return { cpuMs: total * 1_000, memoryMb: Number(rssKib) / 1_024 };
}
