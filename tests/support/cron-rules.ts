/** The rules that docs/schedule.md gives for cron and changes of clocks, as plainly as they can be said: minute by minute. */
import { CronExpressionParser } from "cron-parser";
import { clockChanges } from "../../workers/core-services/schedule/timing/warnings.ts";

export interface ClockChange {
  /** The first instant with the new time. */
  readonly atMs: number;
  /** How far the clocks go forward; back when it is negative. */
  readonly minutes: number;
}

const ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"];

/** Both changes of a year. Casablanca's are around Ramadan, Lord Howe's of half an hour, Santiago's at midnight. */
export const CHANGES: Readonly<Record<string, readonly ClockChange[]>> = Object.fromEntries(
  ZONES.map((zone) => [zone, clockChanges(zone, Date.UTC(2026, 0, 1)).slice(0, 2)]),
);

export interface LocalMinute {
  readonly atMs: number;
  /** As if the local time were UTC. */
  readonly localMs: number;
}

/** Each minute of a time, with what a clock on a wall of the zone shows. */
export function localMinutes(zone: string, fromMs: number, untilMs: number): LocalMinute[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  const minutes: LocalMinute[] = [];
  for (let atMs = Math.ceil(fromMs / 60_000) * 60_000; atMs < untilMs; atMs += 60_000) {
    minutes.push({ atMs, localMs: Date.parse(`${format.format(atMs).replace(" ", "T")}Z`) });
  }
  return minutes;
}

/** When a pattern of five fields, without L and #, is due. */
export function timesByRule(pattern: string, minutes: readonly LocalMinute[], { atMs, minutes: shift }: ClockChange): number[] {
  const matches = matcherOf(pattern);
  const [minute = "", hour = ""] = pattern.split(" ");
  // A fixed time: neither a wildcard nor a step in minute or hour.
  const isFixed = !/[*?/]/.test(minute + hour);
  const due = minutes.filter(({ localMs }) => matches(localMs));
  if (!isFixed) return due.map((at) => at.atMs);
  const seen = new Set<number>();
  const first = due.filter(({ localMs }) => !seen.has(localMs) && seen.add(localMs)).map((at) => at.atMs);
  const before = minutes.find((at) => at.atMs === atMs - 60_000);
  const leftOut = before && shift > 0 ? Array.from({ length: shift }, (_, i) => before.localMs + (i + 1) * 60_000) : [];
  return leftOut.some(matches) ? [...new Set([...first, atMs])].toSorted((a, b) => a - b) : first;
}

function matcherOf(pattern: string): (localMs: number) => boolean {
  const [, , day = "", , weekday = ""] = pattern.split(" ");
  const { fields } = CronExpressionParser.parse(pattern);
  const has = (field: { values: readonly (number | string)[] }, value: number) => field.values.includes(value);
  const isEither = day !== "*" && weekday !== "*";
  return (localMs) => {
    const at = new Date(localMs);
    const ofMonth = has(fields.dayOfMonth, at.getUTCDate());
    const ofWeek = has(fields.dayOfWeek, at.getUTCDay());
    const isDay = isEither ? ofMonth || ofWeek : ofMonth && ofWeek;
    return isDay && has(fields.month, at.getUTCMonth() + 1) && has(fields.hour, at.getUTCHours()) && has(fields.minute, at.getUTCMinutes());
  };
}
