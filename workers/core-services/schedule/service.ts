import { DoError, toDoError } from "../../../sdk/src/errors.ts";
import type { Sponsor } from "../shared/background.ts";
import type { Implementation } from "../shared/method.ts";
import { onceKey } from "../shared/once.ts";
import type { scheduleDefinition } from "./schema.ts";
import { DEFAULT_PAGE } from "./schema/shared.ts";
import { SpecShape, type Spec } from "./schema/task.ts";
import type { RemoteTimetable } from "./timetable.ts";
import { timingOf } from "./timing/spec.ts";
import { occurrences, type Timing } from "./timing/timing.ts";
import { warningsOf } from "./timing/warnings.ts";
import { words } from "./timing/words.ts";

const DEFAULT_TIMES = 5;
/** Warned of, and no mistake. */
const NEVER = "NEVER_FIRES";

export interface ScheduleDeps {
  /** Of the caller's tenant. */
  readonly timetable: RemoteTimetable;
  /** On whose behalf what the caller asks for will be done. @throws DoError for who cannot ask for it */
  readonly sponsor: () => Sponsor;
  readonly callerId: string;
  readonly now: () => number;
}

/** What a principal may call, on the timetable of its tenant. */
export function scheduleService({ timetable, sponsor, callerId, now }: ScheduleDeps): Implementation<typeof scheduleDefinition> {
  /** @param body what makes two requests the same */
  const once = (key: string | undefined, method: string, body: unknown) => onceKey(key, method, body, callerId);
  return {
    create: (name, task, { idempotencyKey } = {}) => timetable.create(name, task, sponsor(), once(idempotencyKey, "create", [name, task])),
    update: (name, changes, { idempotencyKey } = {}) =>
      timetable.update(name, changes, sponsor(), once(idempotencyKey, "update", [name, changes])),
    get: (name) => timetable.get(name),
    delete: (name, { idempotencyKey } = {}) => timetable.delete(name, once(idempotencyKey, "delete", [name])),
    listTasks: (options = {}) => timetable.list({ ...options, limit: options.limit ?? DEFAULT_PAGE }),
    pause: (name, { note, idempotencyKey } = {}) => timetable.pause(name, note, once(idempotencyKey, "pause", [name, note])),
    resume: (name, { runMissed = false, idempotencyKey } = {}) =>
      timetable.resume(name, runMissed, once(idempotencyKey, "resume", [name, runMissed])),
    skipNext: (name, { count = 1, idempotencyKey } = {}) =>
      timetable.skipNext(name, count, once(idempotencyKey, "skipNext", [name, count])),
    backfill: (name, { from, to, overlap = "bufferAll", dryRun = false, idempotencyKey }) => {
      const range = { fromMs: Date.parse(from), toMs: Date.parse(to), overlap, dryRun };
      return timetable.backfill(name, range, once(idempotencyKey, "backfill", [name, range]));
    },
    execute: (name, { input, overlap, waitMs = 0, idempotencyKey } = {}) =>
      timetable.execute(name, sponsor(), { input, overlap, waitMs }, once(idempotencyKey, "execute", [name, input, overlap])),
    next: async (of, { count = DEFAULT_TIMES, from } = {}) => {
      const fromMs = from === undefined ? now() : Date.parse(from);
      if (typeof of === "string") return { items: await timetable.next(of, fromMs, count) };
      return { items: timesOf(timingOf(of, fromMs), fromMs, count) };
    },
    validate: async (spec) => validated(spec, now()),
    getHistory: (name, { outcome, from, to, limit = DEFAULT_PAGE, cursor } = {}) =>
      timetable.history(name, { outcome, fromMs: msOf(from), toMs: msOf(to), limit, cursor }),
    follow: ({ task, since, limit = DEFAULT_PAGE, waitMs = 0 } = {}) => timetable.follow(task, cursorOf(since), limit, waitMs),
    getRun: (id) => timetable.run(id),
    cancelRun: (id) => timetable.cancelRun(id),
    stats: ({ task } = {}) => timetable.stats(task),
  };
}

const msOf = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time));

/** @throws DoError INVALID_ARGUMENT */
function cursorOf(since: string | undefined): number | undefined {
  if (since === undefined) return undefined;
  if (/^\d{1,15}$/.test(since)) return Number(since);
  throw new DoError(
    "INVALID_ARGUMENT",
    "Cannot call schedule.follow: since must be a cursor that follow answered, or 0 for all that is kept",
  );
}

function timesOf(timing: Timing, fromMs: number, count: number): string[] {
  return occurrences(timing, fromMs, Infinity, count).map((ms) => new Date(ms).toISOString());
}

/** What is wrong with a time is the answer here, and no error. */
function validated(sent: Record<string, unknown>, nowMs: number) {
  try {
    const timing = timingOf(parsed(sent), nowMs);
    const warnings = warningsOf(timing, nowMs);
    return {
      valid: !warnings.some(({ code }) => code === NEVER),
      description: words(timing),
      warnings,
      next: timesOf(timing, nowMs, DEFAULT_TIMES),
    };
  } catch (error) {
    const { reason = "BAD_TIMING", message } = toDoError(error) ?? { message: "It is not valid" };
    return { valid: false, error: { reason, message }, warnings: [], next: [] };
  }
}

/** @throws DoError naming the member */
function parsed(sent: Record<string, unknown>): Spec {
  const found = SpecShape.safeParse(sent);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const member = issue?.path.join(".") ?? "";
  throw new DoError("INVALID_ARGUMENT", `${member}${member ? ": " : ""}${issue?.message ?? "is not valid"}`, {
    reason: member === "timezone" ? "BAD_TIMEZONE" : "BAD_TIMING",
  });
}
