import { DoError, toDoError } from "../../../sdk/src/errors.ts";

export { DoError } from "../../../sdk/src/errors.ts";
export { toProblem } from "../../../sdk/src/problem.ts";

/**
 * What a caller may know of an error. A DoError is ours and says what it says; anything else is a defect of do, and
 * its text may hold a path, a query or a secret: the caller gets its request id, the log gets the rest.
 */
export function publicError(error: unknown, requestId: string): DoError {
  const known = toDoError(error);
  if (known) {
    const { code, message, reason, retryable, retryAfterMs, details } = known;
    return new DoError(code, message, { reason, retryable, retryAfterMs, details, requestId });
  }
  console.error(
    JSON.stringify({ level: "error", requestId, error: error instanceof Error ? (error.stack ?? error.message) : "not an Error" }),
  );
  return new DoError("INTERNAL", "Something broke inside do; the request id names it in the log", { requestId });
}

/** The known name nearest to `name`, when one is near enough to have been meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = name.slice(0, 64).toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (!best || distance < best.distance) best = { name: candidate, distance };
  }
  return best && best.distance <= Math.max(2, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
