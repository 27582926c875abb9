import { sha256 } from "../../shared/hash.ts";

/** Of a deployment, a version and its part of the calls in percent; all parts together are 100. */
export interface Share {
  readonly version: string;
  readonly percentage: number;
}

/** Steps of which a percent has a hundred: 0.01 % is the least part. */
export const STEPS = 10_000;

/** Steps that are one version's: from where the range before ends to before `end`. A list of them ends at STEPS. */
export interface Range {
  readonly version: string;
  readonly end: number;
}

/**
 * The steps that versions have, as few of them as can be being other ones than before: a version that shrinks lets some
 * go, and one that grows gets those. Pure.
 * @param before what was allotted last; empty for the first time
 */
export function allot(before: readonly Range[], shares: readonly Share[]): Range[] {
  const wanted = new Map(shares.map(({ version, percentage }) => [version, Math.round((percentage * STEPS) / 100)]));
  const take = (version: string, most: number): number => {
    const taken = Math.min(most, wanted.get(version) ?? 0);
    wanted.set(version, (wanted.get(version) ?? 0) - taken);
    return taken;
  };
  const kept = piecesOf(before).flatMap(({ version, steps }) => {
    const taken = take(version, steps);
    return [
      { version, steps: taken },
      { version: undefined, steps: steps - taken },
    ];
  });
  const given = kept.flatMap((piece): Piece[] => {
    if (piece.version !== undefined) return [{ version: piece.version, steps: piece.steps }];
    let free = piece.steps;
    return shares.map(({ version }) => {
      const steps = take(version, free);
      free -= steps;
      return { version, steps };
    });
  });
  return rangesOf(given);
}

interface Piece {
  readonly version: string;
  readonly steps: number;
}

/** Nobody's, where nothing was allotted. */
function piecesOf(ranges: readonly Range[]): Piece[] {
  if (ranges.length === 0) return [{ version: "", steps: STEPS }];
  return ranges.map(({ version, end }, i) => ({ version, steps: end - (ranges[i - 1]?.end ?? 0) }));
}

function rangesOf(pieces: readonly Piece[]): Range[] {
  const ranges: Range[] = [];
  for (const { version, steps } of pieces) {
    if (steps === 0) continue;
    const last = ranges.at(-1);
    const end = (last?.end ?? 0) + steps;
    if (last?.version === version) ranges.pop();
    ranges.push({ version, end });
  }
  return ranges;
}

/**
 * Which version a call gets. Pure. Equal keys have the same step of a function, whatever is deployed.
 * @param random from 0 to below 1, for calls without a key
 */
export function choose(ranges: readonly Range[], key: string | undefined, name: string, random: number): string | undefined {
  const step = key === undefined ? Math.floor(random * STEPS) : stepOf(key, name);
  return ranges.find(({ end }) => step < end)?.version;
}

function stepOf(key: string, name: string): number {
  return Number.parseInt(sha256(name, key).slice(0, 12), 16) % STEPS;
}
