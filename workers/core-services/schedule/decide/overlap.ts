export const OVERLAP_POLICIES = ["skip", "bufferOne", "bufferAll", "cancelOther", "allowAll"] as const;
/** What happens to a run that becomes due while an earlier one of its task is not over. */
export type Overlap = (typeof OVERLAP_POLICIES)[number];

/** Runs of the task that are not over: `active` run, or may as soon as there is room; `buffered` wait for those. */
export interface Open {
  readonly active: number;
  readonly buffered: number;
}

export type OverlapDecision =
  | { readonly do: "start" }
  /** `cancelActive`: those that run are told to end; `dropBuffered`: those that wait will not run. */
  | { readonly do: "buffer"; readonly cancelActive: boolean; readonly dropBuffered: boolean }
  | { readonly do: "skip"; readonly reason: "OVERLAP" | "BUFFER_FULL" };

/** @param most how many may be buffered */
export function decideOverlap(policy: Overlap, { active, buffered }: Open, most: number): OverlapDecision {
  if (policy === "allowAll") return active + buffered >= most ? { do: "skip", reason: "BUFFER_FULL" } : { do: "start" };
  if (active === 0) return { do: "start" };
  switch (policy) {
    case "skip":
      return { do: "skip", reason: "OVERLAP" };
    case "bufferOne":
      return buffered >= 1 ? { do: "skip", reason: "OVERLAP" } : { do: "buffer", cancelActive: false, dropBuffered: false };
    case "bufferAll":
      return buffered >= most ? { do: "skip", reason: "BUFFER_FULL" } : { do: "buffer", cancelActive: false, dropBuffered: false };
    case "cancelOther":
      return { do: "buffer", cancelActive: true, dropBuffered: true };
  }
}
