/** What the host is given when it is not told. */
import { availableParallelism } from "node:os";
import type { Size } from "./pool/share.ts";

/** Code waits more than it works: more processes than cores. */
export const DEFAULT_EXECUTORS: Size = sizeFor(2, Math.max(8, 4 * availableParallelism()));
/** That of the largest tier. */
export const DEFAULT_MEMORY_MB = 512;

/** As many again for executions that wait for one another: half of the most. */
export function sizeFor(min: number, max: number): Size {
  return { min, max, reserve: Math.max(2, Math.ceil(max / 2)) };
}
