import { nextOfCron } from "./cron.ts";

/** When a task is due. Immutable, without a clock: what it answers depends on its arguments alone. */
export type Timing = {
  /** No occurrence before it. */
  readonly startMs: number | undefined;
  /** No occurrence at it or later. */
  readonly endMs: number | undefined;
} & (
  | { readonly kind: "cron"; readonly pattern: string; readonly zone: string }
  /** At `anchorMs`, and at each whole multiple of `everyMs` after it. */
  | { readonly kind: "every"; readonly everyMs: number; readonly anchorMs: number }
  | { readonly kind: "at"; readonly atMs: number }
);

/** The first occurrence strictly after an instant; undefined when there is none. */
export function nextAfter(timing: Timing, afterMs: number): number | undefined {
  const { startMs, endMs } = timing;
  const from = startMs === undefined ? afterMs : Math.max(afterMs, startMs - 1);
  const next = unbounded(timing, from);
  return next !== undefined && endMs !== undefined && next >= endMs ? undefined : next;
}

function unbounded(timing: Timing, afterMs: number): number | undefined {
  switch (timing.kind) {
    case "cron":
      return nextOfCron(timing.pattern, timing.zone, afterMs);
    case "every": {
      const { everyMs, anchorMs } = timing;
      return afterMs < anchorMs ? anchorMs : anchorMs + (Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs;
    }
    case "at":
      return timing.atMs > afterMs ? timing.atMs : undefined;
  }
}

/** At most `most` occurrences after `afterMs` and not after `untilMs`. */
export function occurrences(timing: Timing, afterMs: number, untilMs: number, most: number): number[] {
  const found: number[] = [];
  for (let at = nextAfter(timing, afterMs); at !== undefined && at <= untilMs && found.length < most; at = nextAfter(timing, at)) {
    found.push(at);
  }
  return found;
}
