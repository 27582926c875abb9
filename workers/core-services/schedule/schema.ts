import * as z from "zod";
import { defineMethod, defineService } from "../shared/method.ts";
import { OVERLAP_POLICIES } from "./decide/overlap.ts";
import { SCHEDULE_LIMITS, TASK_LIMITS } from "./limits.ts";
import { RUN_OUTCOMES, RunShape, StatsShape } from "./schema/run.ts";
import { Cursor, IdempotencyKey, Json, Limit, Moment, page, RunId, TaskName, Time } from "./schema/shared.ts";
import { ChangesShape, SpecShape, TASK_STATES, TaskInfoShape, TaskShape } from "./schema/task.ts";

const Keyed = z.strictObject({ idempotencyKey: IdempotencyKey }).optional();
const WaitMs = z.int().min(0).max(SCHEDULE_LIMITS.waitMs).optional();
const overlap = z.enum(OVERLAP_POLICIES).optional();

const named = { resource: ([name]: readonly unknown[]) => String(name) };
/** Of a task that is named among the options, or of all. */
const ofOption = { resource: ([options]: readonly unknown[]) => (options as { task?: string } | undefined)?.task ?? "*" };

const create = defineMethod({
  summary: "Makes a task; CONFLICT when there is one of that name",
  access: "write",
  params: [
    ["name", TaskName],
    ["task", TaskShape],
    ["options", Keyed],
  ],
  result: TaskInfoShape,
  ...named,
});

const update = defineMethod({
  summary: "Changes members of a task; who changes it is on whose behalf it runs from then on",
  access: "write",
  params: [
    ["name", TaskName],
    ["changes", ChangesShape],
    ["options", Keyed],
  ],
  result: TaskInfoShape,
  ...named,
});

const get = defineMethod({ summary: "A task", access: "read", params: [["name", TaskName]], result: TaskInfoShape, ...named });

const remove = defineMethod({
  summary: "Ends a task: what waits will not run, what runs goes on; its history stays",
  access: "write",
  params: [
    ["name", TaskName],
    ["options", Keyed],
  ],
  result: z.object({ deleted: z.boolean() }),
  ...named,
});

const listTasks = defineMethod({
  summary: "Tasks, by name",
  access: "read",
  params: [
    [
      "options",
      z
        .strictObject({
          tag: z.string().max(64).optional(),
          state: z.enum(TASK_STATES).optional(),
          prefix: z.string().max(128).optional(),
          limit: Limit,
          cursor: Cursor,
        })
        .optional(),
    ],
  ],
  result: page(TaskInfoShape),
});

const pause = defineMethod({
  summary: "Starts no more runs by the timetable until it is resumed",
  access: "write",
  params: [
    ["name", TaskName],
    ["options", z.strictObject({ note: z.string().max(1_000).optional(), idempotencyKey: IdempotencyKey }).optional()],
  ],
  result: TaskInfoShape,
  ...named,
});

const resume = defineMethod({
  summary: "Goes on with a task; runMissed catches up what came due while it was paused",
  access: "write",
  params: [
    ["name", TaskName],
    ["options", z.strictObject({ runMissed: z.boolean().optional(), idempotencyKey: IdempotencyKey }).optional()],
  ],
  result: TaskInfoShape,
  ...named,
});

const skipNext = defineMethod({
  summary: "Leaves out the next occurrences, one more with each call; count 0 leaves out none",
  access: "write",
  params: [
    ["name", TaskName],
    ["options", z.strictObject({ count: z.int().min(0).max(TASK_LIMITS.skipNext).optional(), idempotencyKey: IdempotencyKey }).optional()],
  ],
  result: TaskInfoShape,
  ...named,
});

const backfill = defineMethod({
  summary: "Runs a task for the times of a range that is over; dryRun only names them",
  access: "write",
  params: [
    ["name", TaskName],
    ["range", z.strictObject({ from: Moment, to: Moment, overlap, dryRun: z.boolean().optional(), idempotencyKey: IdempotencyKey })],
  ],
  result: z.object({ dryRun: z.boolean(), count: z.int(), times: z.array(Time), runs: z.array(RunId) }),
  ...named,
});

const execute = defineMethod({
  summary: "Runs a task now, on behalf of who asks; waitMs waits for its end",
  access: "write",
  params: [
    ["name", TaskName],
    ["options", z.strictObject({ input: Json.optional(), overlap, waitMs: WaitMs, idempotencyKey: IdempotencyKey }).optional()],
  ],
  result: RunShape,
  ...named,
});

const next = defineMethod({
  summary: "The next times of a task, or of a { cron | every | at, timezone, startAt, endAt }",
  access: "read",
  params: [
    ["of", z.union([TaskName, SpecShape], "must be the name of a task, or one of { cron }, { every }, { at }")],
    ["options", z.strictObject({ count: z.int().min(1).max(SCHEDULE_LIMITS.nextItems).optional(), from: Moment.optional() }).optional()],
  ],
  result: z.object({ items: z.array(Time) }),
  resource: ([of]) => (typeof of === "string" ? of : []),
});

const validate = defineMethod({
  summary: "What a time means in words, when it is next, and what may be wrong with it",
  access: "read",
  params: [["spec", z.record(z.string().max(64), z.unknown())]],
  result: z.object({
    valid: z.boolean(),
    description: z.string().optional(),
    error: z.object({ reason: z.string(), message: z.string() }).optional(),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
    next: z.array(Time),
  }),
  resource: () => [],
});

const getHistory = defineMethod({
  summary: "Runs of a task, newest first",
  access: "read",
  params: [
    ["name", TaskName],
    [
      "options",
      z
        .strictObject({
          outcome: z.enum(RUN_OUTCOMES).optional(),
          from: Moment.optional(),
          to: Moment.optional(),
          limit: Limit,
          cursor: Cursor,
        })
        .optional(),
    ],
  ],
  result: page(RunShape),
  ...named,
});

const follow = defineMethod({
  summary: "Runs that changed since a cursor, as they are now, oldest change first; waits for one when there is none",
  access: "read",
  params: [["options", z.strictObject({ task: TaskName.optional(), since: Cursor, limit: Limit, waitMs: WaitMs }).optional()]],
  result: z.object({ items: z.array(RunShape), cursor: z.string() }),
  ...ofOption,
});

// A run's name does not say whose it is: who may look at all tasks may look at it.
const getRun = defineMethod({ summary: "A run", access: "read", params: [["id", RunId]], result: RunShape });

const cancelRun = defineMethod({
  summary: "Ends a run: one that waits will not start, code that runs is stopped; a call that runs goes on",
  access: "write",
  params: [["id", RunId]],
  result: z.object({ cancelled: z.boolean() }),
});

const stats = defineMethod({
  summary: "Counts, lags and durations of the kept runs, of one task or of all",
  access: "read",
  params: [["options", z.strictObject({ task: TaskName.optional() }).optional()]],
  result: StatsShape,
  ...ofOption,
});

export const scheduleDefinition = defineService({
  name: "schedule",
  summary: "Work at a time: cron, interval or instant, with history",
  methods: {
    create,
    update,
    get,
    delete: remove,
    listTasks,
    pause,
    resume,
    skipNext,
    backfill,
    execute,
    next,
    validate,
    getHistory,
    follow,
    getRun,
    cancelRun,
    stats,
  },
});
