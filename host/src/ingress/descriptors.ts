import { spawnSync } from "node:child_process";

/** How many files and sockets this process may have open. Node has raised the soft limit to the hard one when it started. */
export function descriptorLimit(): number {
  const { stdout } = spawnSync("/bin/sh", ["-c", "ulimit -n"], { encoding: "utf8" });
  const limit = Number(stdout);
  return Number.isInteger(limit) && limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

/** Of those, for callers: each that is served needs a second one, towards the front. */
const CALLERS_PERCENT = 75;

export function connectionsFor(wanted: number, descriptors: number): number {
  return Math.min(wanted, Math.floor((descriptors * CALLERS_PERCENT) / 100));
}
