const known = new Map<string, boolean>();

/** Whether the runtime knows the zone by this name (IANA, as `Europe/Berlin`). Offsets as `+02:00` are no zones: they have no rules. */
export function isZone(name: string): boolean {
  let is = known.get(name);
  if (is === undefined) {
    is = /^[A-Za-z]/.test(name) && canFormat(name);
    // Names come from outside: what is remembered is bounded.
    if (known.size < 1_000) known.set(name, is);
  }
  return is;
}

function canFormat(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** The last zone that was asked for: who asks, asks often. */
let formatter: { readonly zone: string; readonly format: Intl.DateTimeFormat } | undefined;

function formatOf(zone: string): Intl.DateTimeFormat {
  if (formatter?.zone !== zone) {
    const fields = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
    formatter = { zone, format: new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", ...fields }) };
  }
  return formatter.format;
}

/** Minutes that the zone's clocks are ahead of UTC at an instant. */
export function offsetMinutes(zone: string, atMs: number): number {
  const parts = formatOf(zone).formatToParts(atMs);
  const of = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return Math.round((local - Math.floor(atMs / 1_000) * 1_000) / 60_000);
}
