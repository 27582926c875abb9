/** Who may take a place in a pool. */

export interface Size {
  readonly min: number;
  /** Of executions that callers started, at a time. */
  readonly max: number;
  /** Beyond these, for executions that another one waits for: else they could wait for each other for ever. */
  readonly reserve: number;
}

export interface Occupation {
  readonly size: Size;
  readonly depth: number;
  readonly leased: number;
  /** Of these, how many were started by callers. */
  readonly roots: number;
  /** Of these, how many are the tenant's own. */
  readonly holdings: number;
}

/** How many more the tenant may have now. Pure. A quarter of the places is for tenants that have none. */
export function placesFor({ size, depth, leased, roots, holdings }: Occupation): number {
  const { max, reserve } = size;
  const quarter = Math.ceil(max / 4);
  // Not what callers who have none may still take: else a few executions that start others would hold every process.
  if (depth > 0) return max + reserve - leased - Math.min(quarter, Math.max(0, max - roots));
  const keptForOthers = holdings > 0 ? quarter : 0;
  return Math.min(max - roots - (max > 1 ? keptForOthers : 0), max + reserve - leased);
}
