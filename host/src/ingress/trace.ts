/** W3C Trace Context, https://www.w3.org/TR/trace-context/ */

export interface Trace {
  readonly traceId: string;
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

const FORM = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const MAX_TRACESTATE_CHARS = 512;

/**
 * The caller's trace when its traceparent is valid, else a new one. `tracestate` belongs to it, and goes with it.
 * A later version is read as far as version 00 goes, and passed on as that (section 2.2.4).
 */
export function traceOf(traceparents: readonly string[], tracestates: readonly string[], random: (bytes: number) => Buffer): Trace {
  const [only = ""] = traceparents;
  const [, version = "ff", traceId = "", parentId = "", flags = "00", rest] = (traceparents.length === 1 && FORM.exec(only)) || [];
  const isValid = version !== "ff" && !isZero(traceId) && !isZero(parentId) && (rest === undefined || version !== "00");
  if (!isValid) return startTrace(random);
  const state = tracestates.join(",");
  return {
    traceId,
    traceparent: version === "00" ? only : `00-${traceId}-${parentId}-${(Number.parseInt(flags, 16) & 1).toString().padStart(2, "0")}`,
    tracestate: state === "" || state.length > MAX_TRACESTATE_CHARS ? undefined : state,
  };
}

/** Not sampled: nobody has asked to record it. */
function startTrace(random: (bytes: number) => Buffer): Trace {
  const ids = random(24).toString("hex");
  const traceId = ids.slice(0, 32);
  return { traceId, traceparent: `00-${traceId}-${ids.slice(32)}-00`, tracestate: undefined };
}

function isZero(hex: string): boolean {
  return /^0*$/.test(hex);
}
