const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
]);

/**
 * Milliseconds of `90s`, `5m`, `1h30m`, or of an ISO 8601 duration of weeks, days and shorter units (`PT5M`). A day is 24
 * hours: what a clock on the wall says is cron's business. Undefined for any other text.
 */
export function durationMs(text: string): number | undefined {
  const words = text.trim();
  const iso = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(words);
  if (iso) {
    const [, weeks, days, hours, minutes, seconds] = iso;
    const parts = [weeks, days, hours, minutes, seconds];
    if (parts.every((part) => part === undefined)) return undefined;
    const sizes = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000];
    return Math.round(parts.reduce((sum, part, i) => sum + Number(part ?? 0) * (sizes[i] ?? 0), 0));
  }
  if (!/^(?:\d+(?:ms|[smhdw])\s*)+$/.test(words)) return undefined;
  return [...words.matchAll(/(\d+)(ms|[smhdw])/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNITS_MS.get(unit) ?? 0),
    0,
  );
}
