import cronstrue from "cronstrue";
import type { Timing } from "./timing.ts";

/** A timing in English. */
export function words(timing: Timing): string {
  const sentence = sentenceOf(timing);
  const bounds = [
    timing.startMs === undefined ? "" : `, from ${new Date(timing.startMs).toISOString()}`,
    timing.endMs === undefined ? "" : `, until ${new Date(timing.endMs).toISOString()}`,
  ];
  return sentence + bounds.join("");
}

function sentenceOf(timing: Timing): string {
  switch (timing.kind) {
    case "cron":
      return `${cronWords(timing.pattern)}, ${timing.zone} time`;
    case "every":
      return `Every ${durationWords(timing.everyMs)}`;
    case "at":
      return `Once, at ${new Date(timing.atMs).toISOString()}`;
  }
}

function cronWords(pattern: string): string {
  try {
    return cronstrue.toString(pattern, { use24HourTimeFormat: true, throwExceptionOnParseError: true, verbose: true });
  } catch {
    // It knows a little less than what is accepted.
    return `At times that match ${pattern}`;
  }
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
  ["millisecond", 1],
] as const;

/** `1 hour 30 minutes`; of one unit alone without the 1: `minute`. */
function durationWords(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0) parts.push(`${count} ${unit}${count > 1 ? "s" : ""}`);
  }
  const text = parts.join(" ");
  return parts.length === 1 ? text.replace(/^1 /, "") : text;
}
