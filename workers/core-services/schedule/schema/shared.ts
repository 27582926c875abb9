import * as z from "zod";
import { SCHEDULE_LIMITS, TASK_LIMITS } from "../limits.ts";
import { isZone } from "../timing/zone.ts";
import { durationMs } from "../timing/duration.ts";

const ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}";

/** Short, printable, and good in a path, a scope and a log line. */
export const TaskName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_./@-]{0,127}$/, "must be 1 to 128 letters, digits and _./@-, and start with a letter or digit");

export const RunId = z.string().regex(new RegExp(`^run_${ULID}$`), "must be the id of a run: run_...");

const NO_MOMENT = "must be a time, as 2027-01-31T12:00:00Z";

/** A moment, as ISO 8601, a Date, or milliseconds since 1970; kept as ISO 8601 in UTC. */
export const Moment = z
  .union([z.iso.datetime({ offset: true, error: NO_MOMENT }), z.date(), z.int().min(0).max(8_640_000_000_000_000)], NO_MOMENT)
  .transform((moment) => new Date(moment).toISOString());

export const Zone = z
  .string()
  .max(64)
  .refine(isZone, { error: ({ input }) => `"${String(input).slice(0, 64)}" is no time zone of the IANA database, as Europe/Berlin or UTC` })
  .meta({ description: "IANA time zone; default UTC" });

const { everyMsLeast, everyMsMost } = TASK_LIMITS;

/** An interval: `90s`, `5m`, `1h30m`, an ISO 8601 duration, or milliseconds. */
export const Every = z
  .union([z.string().max(64), z.number()], "must be a duration, as 5m, 1h30m or PT5M, or milliseconds")
  .refine((every) => everyMsOf(every) !== undefined, "must be a duration, as 5m, 1h30m or PT5M, or whole milliseconds")
  .refine(
    (every) => {
      const ms = everyMsOf(every) ?? 0;
      return ms >= everyMsLeast && ms <= everyMsMost;
    },
    `must be at least ${everyMsLeast} ms and at most ${everyMsMost / 86_400_000} days`,
  );

export function everyMsOf(every: string | number): number | undefined {
  return typeof every === "number" ? (Number.isSafeInteger(every) ? every : undefined) : durationMs(every);
}

/** What JSON can carry, without change. */
export const Json = z.unknown().refine((value) => z.json().safeParse(value).success, "must be JSON: no undefined, Date, Map or bigint");

export const IdempotencyKey = z.string().min(1).max(255).optional();
export const Limit = z.int().min(1).max(SCHEDULE_LIMITS.listItems).optional().meta({ description: "Default 100" });
export const Cursor = z.string().max(256).optional();
export const DEFAULT_PAGE = 100;
export const Time = z.iso.datetime();
export const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), cursor: z.string().optional() });
