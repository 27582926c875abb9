import { parseDirectives } from "./directives.ts";

/** Equal requests at the same time (RFC 9111, section 4): one is sent on, the others are given what is kept of its answer. */

/** How long a request waits for the answer to an equal one, at most; and at most half of the time that it has. */
const COLLAPSE_WAIT_MS = 5_000;

/** What wants an answer of its own. */
const ITS_OWN = ["no-cache", "no-store", "max-age", "min-fresh"];

/** Whether a request may be given the answer to another one that came before it. */
export function mayCollapse(method: string, headers: Headers): boolean {
  const asked = parseDirectives(headers.get("cache-control") ?? headers.get("pragma"));
  return method === "GET" && !ITS_OWN.some((name) => asked.has(name));
}

export interface Times {
  /** How long it waits for others at most. */
  readonly waitMs: number;
  /** In which time it has an answer itself, if it is to ask. */
  readonly withinMs: number;
}

/** Of the time that it has left. */
export function timesOf(leftMs: number): Times {
  const withinMs = Math.max(0, leftMs);
  return { withinMs, waitMs: Math.min(COLLAPSE_WAIT_MS, withinMs / 2) };
}
