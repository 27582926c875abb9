import { nextOfCron } from "./cron.ts";
import { nextAfter, type Timing } from "./timing.ts";
import { offsetMinutes } from "./zone.ts";

/** Something that whoever wrote a timing may not have meant. */
export interface Warning {
  code:
    | "NEVER_FIRES"
    | "EVERY_SECOND"
    | "EVERY_MINUTE"
    | "DAY_OR_WEEKDAY"
    | "UNEVEN_STEP"
    | "SHORT_MONTHS"
    | "CLOCKS_GO_FORWARD"
    | "CLOCKS_GO_BACK";
  message: string;
}

const DAY_MS = 86_400_000;

export function warningsOf(timing: Timing, nowMs: number): Warning[] {
  if (nextAfter(timing, nowMs) === undefined) return [{ code: "NEVER_FIRES", message: "It has no occurrence after now" }];
  const { kind } = timing;
  return [...oftenWarnings(timing, nowMs), ...(kind === "cron" ? [...fieldWarnings(timing.pattern), ...clockWarnings(timing, nowMs)] : [])];
}

function oftenWarnings(timing: Timing, nowMs: number): Warning[] {
  const first = nextAfter(timing, nowMs) ?? 0;
  const second = nextAfter(timing, first);
  if (second === undefined) return [];
  const gapMs = second - first;
  if (gapMs < 60_000) return [{ code: "EVERY_SECOND", message: `It is due every ${gapMs / 1_000} s` }];
  if (gapMs === 60_000) return [{ code: "EVERY_MINUTE", message: "It is due every minute" }];
  return [];
}

/** Fields of a pattern without nickname, seconds first. */
export function fieldsOf(pattern: string): string[] {
  const fields = pattern.trim().split(/\s+/);
  return fields.length === 5 ? ["0", ...fields] : fields;
}

const isAny = (field: string) => field === "*" || field === "?";

function fieldWarnings(pattern: string): Warning[] {
  if (pattern.trim().startsWith("@")) return [];
  const [second = "*", minute = "*", hour = "*", day = "*", , weekday = "*"] = fieldsOf(pattern);
  const found: Warning[] = [];
  if (!isAny(day) && !isAny(weekday)) {
    found.push({ code: "DAY_OR_WEEKDAY", message: "Day of month and day of week are both given: it is due when either matches" });
  }
  for (const [name, field, size] of [
    ["second", second, 60],
    ["minute", minute, 60],
    ["hour", hour, 24],
  ] as const) {
    const step = Number(/^\*\/(\d+)$/.exec(field)?.[1] ?? 1);
    if (size % step !== 0) {
      found.push({ code: "UNEVEN_STEP", message: `${field} starts anew at ${name} 0: the last gap is ${size % step} long, not ${step}` });
    }
  }
  if (/^(?:29|30|31)$/.test(day) && isAny(weekday)) {
    found.push({ code: "SHORT_MONTHS", message: `Months without a day ${day} have no occurrence; L is the last day of each month` });
  }
  return found;
}

/** Whether the next changes of clocks within a year touch a time of the pattern. */
function clockWarnings({ pattern, zone }: Extract<Timing, { kind: "cron" }>, nowMs: number): Warning[] {
  const [, , hour = "*"] = fieldsOf(pattern.startsWith("@") ? "0 0 * * *" : pattern);
  if (/^[*?]/.test(hour)) return [];
  const found = new Map<string, Warning>();
  for (const { atMs, minutes } of clockChanges(zone, nowMs)) {
    const day = new Date(atMs).toISOString().slice(0, 10);
    if (minutes > 0 && isInGap(pattern, zone, atMs, minutes)) {
      found.set("f", {
        code: "CLOCKS_GO_FORWARD",
        message: `On ${day} the clocks leave out one of its times: it is due right after the gap`,
      });
    }
    if (minutes < 0 && isInFold(pattern, zone, atMs, minutes)) {
      found.set("b", { code: "CLOCKS_GO_BACK", message: `On ${day} one of its times comes twice: it is due at the first` });
    }
  }
  return [...found.values()];
}

/** The same pattern in a zone that has no change says whether it names a time that is left out. */
function isInGap(pattern: string, zone: string, atMs: number, minutes: number): boolean {
  const localMs = atMs + offsetMinutes(zone, atMs - 1) * 60_000;
  const named = nextOfCron(pattern, "UTC", localMs - 1);
  return named !== undefined && named < localMs + minutes * 60_000;
}

function isInFold(pattern: string, zone: string, atMs: number, minutes: number): boolean {
  const localMs = atMs + offsetMinutes(zone, atMs - 1) * 60_000;
  const named = nextOfCron(pattern, "UTC", localMs + minutes * 60_000 - 1);
  return named !== undefined && named < localMs;
}

/** Instants within a year at which the zone's clocks change, and by how many minutes. */
export function clockChanges(zone: string, fromMs: number): { atMs: number; minutes: number }[] {
  const changes: { atMs: number; minutes: number }[] = [];
  let before = offsetMinutes(zone, fromMs);
  for (let day = 1; day <= 366; day++) {
    const after = offsetMinutes(zone, fromMs + day * DAY_MS);
    if (after === before) continue;
    changes.push({ atMs: changeBetween(zone, fromMs + (day - 1) * DAY_MS, fromMs + day * DAY_MS), minutes: after - before });
    before = after;
  }
  return changes;
}

function changeBetween(zone: string, fromMs: number, untilMs: number): number {
  const before = offsetMinutes(zone, fromMs);
  let [low, high] = [Math.floor(fromMs / 60_000), Math.ceil(untilMs / 60_000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMinutes(zone, middle * 60_000) === before) low = middle;
    else high = middle;
  }
  return high * 60_000;
}
