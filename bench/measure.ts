/** Statistics, and the order in which what is compared takes turns. */

/** @param share 0.5 for the median, 0.95 for what one of twenty exceeds */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("There are no samples");
  return value;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

export function mean(samples: readonly number[]): number {
  if (samples.length === 0) throw new Error("There are no samples");
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

/** Milliseconds that `work` took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/**
 * Times each of `targets` once per round. A machine's speed drifts, so only neighbours can be compared; and a server
 * tidies up after it has answered, which the next request pays for, so the order in a round is drawn anew each time.
 */
export async function interleave<Name extends string>(
  targets: Readonly<Record<Name, () => Promise<unknown>>>,
  { warmUp, rounds }: { warmUp: number; rounds: number },
): Promise<ReadonlyMap<Name, readonly number[]>> {
  const names = Object.keys(targets) as Name[];
  const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const ms = await timed(targets[name]);
      if (round >= 0) samples.get(name)?.push(ms);
    }
  }
  return samples;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Runs `count` pieces of work, `concurrency` at a time. */
export async function repeat(count: number, concurrency: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** How many pieces of work, `concurrency` at a time, are done in a second, tried for about `ms`. */
export async function perSecond(ms: number, concurrency: number, work: () => Promise<unknown>): Promise<number> {
  let done = 0;
  const started = performance.now();
  const worker = async () => {
    while (performance.now() - started < ms) {
      await work();
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (done / (performance.now() - started)) * 1_000;
}
