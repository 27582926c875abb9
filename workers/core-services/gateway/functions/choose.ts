import { sha256 } from "../../shared/hash.ts";

/** Of a deployment, a version and its part of the calls in percent; all parts together are 100. */
export interface Share {
  readonly version: string;
  readonly percentage: number;
}

/** Steps of which a percent has a hundred: 0.01 % is the least part. */
const STEPS = 10_000;

/**
 * Which version a call gets. Pure. Equal keys get the same one of a deployment; a part that grows keeps those that it
 * had, since the first version's part begins at 0.
 * @param random from 0 to below 1, for calls without a key
 */
export function choose(shares: readonly Share[], key: string | undefined, deployment: string, random: number): string | undefined {
  const step = key === undefined ? Math.floor(random * STEPS) : stepOf(key, deployment);
  let end = 0;
  for (const { version, percentage } of shares) {
    end += Math.round((percentage * STEPS) / 100);
    if (step < end) return version;
  }
  return shares.at(-1)?.version;
}

function stepOf(key: string, deployment: string): number {
  return Number.parseInt(sha256(deployment, key).slice(0, 12), 16) % STEPS;
}
