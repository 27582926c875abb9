/**
 * Ends code that would never end, from inside its own isolate, where nothing outside can stop the thread. Comfort, not
 * a boundary: it sees loops and functions, not native code. The counters that call it are put in by compile/instrument.ts.
 */

/** How long, at most, between two looks at the clock. */
const LOOK_EVERY_MS = 4;
/** Two looks of different turns that are further apart had a wait between them, which is no CPU time. */
const WAITED_MS = 50;
const MOST_TICKS = 20_000;
/** While modules are evaluated the clock stands still, so looks are counted: about this many fit into a millisecond. */
const LOOKS_PER_MS_WITHOUT_CLOCK = 10;

const now = Date.now.bind(Date);
const microtask = queueMicrotask;

let budgetMs = Number.POSITIVE_INFINITY;
let end: ((spentMs: number) => void) | undefined;
let spentMs = 0;
let lastMs = 0;
let turn = 0;
let lastTurn = -1;
let ticks = 1_000;

/** Sets the budget, once: the code that is guarded could call this too. */
export function arm(cpuMs: number, onExceeded: (spentMs: number) => void): void {
  if (end) return;
  budgetMs = cpuMs;
  end = onExceeded;
  lastMs = now();
}

/** CPU milliseconds that the guard has seen. */
export function spent(): number {
  return spentMs;
}

/** @returns how many loops and calls may run before the next look */
export function check(): number {
  const at = now();
  const gapMs = at - lastMs;
  if (at === 0) spentMs += 1 / LOOKS_PER_MS_WITHOUT_CLOCK;
  else if (turn === lastTurn || gapMs < WAITED_MS) spentMs += gapMs;
  ticks = Math.max(1, Math.min(MOST_TICKS, gapMs > LOOK_EVERY_MS ? ticks >> 1 : ticks << 1));
  lastMs = at;
  lastTurn = turn;
  // Runs when the code on the stack has returned: then a new turn has begun.
  microtask(() => void turn++);
  if (spentMs > budgetMs) end?.(spentMs);
  return ticks;
}
