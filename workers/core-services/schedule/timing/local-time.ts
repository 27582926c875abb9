import { nextOfCron } from "./cron.ts";

const LOCAL = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?$/;
/** Zones are at most 14 hours ahead of UTC. */
const AHEAD_MS = 15 * 60 * 60 * 1_000;

/**
 * The instant of a local time (`2027-03-28T02:30`) in a zone, by the rules that fixed times of cron have: one that a
 * change of clocks leaves out is the first valid time after it, and of one that comes twice the first counts.
 */
export function localTimeMs(text: string, zone: string): number | undefined {
  const [, year, month, day, hour, minute, second = "0"] = LOCAL.exec(text) ?? [];
  if (year === undefined) return undefined;
  const asUtc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const isDate = new Date(asUtc).getUTCDate() === Number(day) && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!isDate) return undefined;
  return nextOfCron(
    [second, minute, hour, day, month, "*"].map((part) => (part === "*" ? part : Number(part))).join(" "),
    zone,
    asUtc - AHEAD_MS,
  );
}
