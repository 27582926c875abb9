/**
 * Ends code that would never end, from inside its own isolate, where nothing outside can stop the thread. Comfort, not
 * a boundary: it sees loops and functions, not native code. The counters that call it are put in by compile/instrument.ts.
 */

import { abortIsolate } from "cloudflare:workers";

/** How long, at most, between two looks at the clock. */
const LOOK_EVERY_MS = 4;
/** Two looks of different turns that are further apart had a wait between them, which is no CPU time. */
const WAITED_MS = 50;
const MOST_TICKS = 20_000;
/**
 * While modules are evaluated the clock stands still, so looks are counted. About 26 fit into a millisecond on a slow
 * core; more are asked for, so that a fast one does not end code before its time.
 */
const LOOKS_PER_MS_WITHOUT_CLOCK = 60;

const now = Date.now.bind(Date);
const microtask = queueMicrotask;

/** What one run has of CPU time, and how it ends when that is spent. */
export interface Account {
  budgetMs: number;
  end: (() => void) | undefined;
  stackAtLimit: string | undefined;
  spentMs: number;
}

/** Of an isolate that runs one thing, and of what nobody has asked for: the evaluation of modules. */
const only: Account = { budgetMs: Number.POSITIVE_INFINITY, end: undefined, stackAtLimit: undefined, spentMs: 0 };
let current: (() => Account | undefined) | undefined;
let lastMs = 0;
let turn = 0;
let lastTurn = -1;
let isTurnMarked = false;
let ticks = 1_000;

/** Of a call that begins now: a turn of its own, to which what passed before does not belong. */
export function account(budgetMs: number, end: (() => void) | undefined): Account {
  nextTurn();
  lastMs = now();
  return { budgetMs, end, stackAtLimit: undefined, spentMs: 0 };
}

/** Sets the budget, once: the code that is guarded could call this too. */
export function arm(cpuMs: number, onExceeded: () => void): void {
  if (only.end) return;
  only.budgetMs = cpuMs;
  only.end = onExceeded;
  lastMs = now();
}

/** For an isolate that runs one call after the other, or several at a time: says whose turn it is. Once, too. */
export function attribute(whose: () => Account | undefined): void {
  current ??= whose;
}

/** CPU milliseconds that the guard has seen. */
export function spent(): number {
  return only.spentMs;
}

/** Where the code was when its budget was spent; undefined while it is not. */
export function overAt(): string | undefined {
  return only.stackAtLimit;
}

/** @returns how many loops and calls may run before the next look */
export function check(): number {
  const at = now();
  const gapMs = at - lastMs;
  const mine = current?.() ?? only;
  // Before anything that can throw where the stack is full: else this gap would count again.
  lastMs = at;
  if (at === 0) mine.spentMs += 1 / LOOKS_PER_MS_WITHOUT_CLOCK;
  else if (turn === lastTurn || gapMs < WAITED_MS) mine.spentMs += gapMs;
  lastTurn = turn;
  if (gapMs > LOOK_EVERY_MS) ticks = ticks >> 1 || 1;
  else if (ticks < MOST_TICKS) ticks <<= 1;
  // Runs when the code on the stack has returned: then a new turn has begun. One at a time, for it may never return.
  if (!isTurnMarked) {
    microtask(nextTurn);
    isTurnMarked = true;
  }
  if (mine.spentMs > mine.budgetMs) stop(mine);
  return ticks;
}

function nextTurn(): void {
  isTurnMarked = false;
  turn++;
}

function stop(mine: Account): void {
  try {
    mine.stackAtLimit ??= new Error().stack ?? "";
    // What ends here takes along what would have said that its turn was over.
    nextTurn();
    mine.end?.();
  } catch (error) {
    // While modules are evaluated a request cannot be aborted, but its isolate can: the harness finds overAt() set.
    if (now() === 0) abortIsolate("cpu");
    // Else the stack was full. The counter stays spent, so each further call throws here, until enough is unwound.
    throw error;
  }
}
