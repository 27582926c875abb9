import * as z from "zod";
import { SERVICES } from "../../../../sdk/src/types.ts";
import { OVERLAP_POLICIES } from "../decide/overlap.ts";
import { TASK_DEFAULTS, TASK_LIMITS } from "../limits.ts";
import { Every, Json, Moment, TaskName, Time, Zone } from "./shared.ts";

const { attempts, backoffMsLeast, backoffMsMost, catchupWindowMsLeast, catchupWindowMsMost, jitterMs, maxAgeMs, maxRuns } = TASK_LIMITS;

const QueueName = z.string().min(1).max(128);
const TimeoutMs = z.int().min(1).max(120_000);

const Code = z.strictObject({
  code: z.string().min(1, "must not be empty"),
  language: z.enum(["ts", "js"]).optional(),
  services: z.array(z.enum(SERVICES)).max(SERVICES.length).optional(),
  timeoutMs: TimeoutMs.optional(),
});
const Saved = z.strictObject({ function: z.string().min(1).max(128) });
const Call = z.strictObject({
  service: z.enum(SERVICES),
  method: z.string().min(1).max(64),
  params: z.union([z.array(Json), z.record(z.string(), Json)]).optional(),
});
const Message = z.strictObject({ queue: QueueName, message: Json, options: z.record(z.string(), Json).optional() });
const Request = z.strictObject({
  http: z.strictObject({
    url: z.url({ protocol: /^https?$/, error: "must be a URL with http or https" }).max(4_096),
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).optional(),
    headers: z.record(z.string().max(128), z.string().max(4_096)).optional(),
    body: z.string().optional(),
    timeoutMs: TimeoutMs.optional(),
  }),
});

const ONE_ACTION =
  "must be one of { function }, { code, language?, services?, timeoutMs? }, { service, method, params? }, { queue, message, options? }, { http: { url, method?, headers?, body?, timeoutMs? } }";

/** What a task does. */
export const ActionShape = z.union([Code, Saved, Call, Message, Request], ONE_ACTION);
export type Action = z.output<typeof ActionShape>;

const timing = {
  cron: z.string().max(TASK_LIMITS.patternCharacters, `must be at most ${TASK_LIMITS.patternCharacters} characters`).optional().meta({
    description: "Five fields, or six with seconds first; also @hourly, @daily, @weekly, @monthly, @yearly, L, # and W",
  }),
  every: Every.optional(),
  at: z
    .union([z.string().max(64), z.date(), z.int().min(0).max(8_640_000_000_000_000)])
    .transform((at) => (typeof at === "string" ? at : new Date(at).toISOString()))
    .optional()
    .meta({ description: "An instant (2027-01-31T12:00:00Z), or a local time in the zone (2027-01-31T12:00)" }),
  timezone: Zone.optional(),
  startAt: Moment.optional(),
  endAt: Moment.optional(),
};

/** When: one of `cron`, `every`, `at`. */
export const SpecShape = z.strictObject(timing);
export type Spec = z.output<typeof SpecShape>;

export const TaskShape = z.strictObject({
  ...timing,
  action: ActionShape,
  input: Json.optional().meta({ description: "What code and functions get as input" }),
  overlap: z.enum(OVERLAP_POLICIES).optional().meta({ description: "Default skip" }),
  jitterMs: z.int().min(0).max(jitterMs).optional(),
  maxRuns: z.int().min(1).max(maxRuns).optional(),
  deleteAfterCompletion: z.boolean().optional(),
  catchupWindowMs: z
    .int()
    .min(catchupWindowMsLeast)
    .max(catchupWindowMsMost)
    .optional()
    .meta({
      description: `How long ago a missed run may be to be caught up; default ${TASK_DEFAULTS.catchupWindowMs}`,
    }),
  retry: z
    .strictObject({
      maxAttempts: z.int().min(1).max(attempts).optional(),
      backoffMs: z.int().min(backoffMsLeast).max(backoffMsMost).optional(),
      maxBackoffMs: z.int().min(backoffMsLeast).max(backoffMsMost).optional(),
      maxAgeMs: z.int().min(1_000).max(maxAgeMs).optional(),
    })
    .optional(),
  deadLetter: z.strictObject({ queue: QueueName }).optional(),
  pauseOnFailure: z.boolean().optional(),
  description: z.string().max(1_000).optional(),
  tags: z.array(z.string().min(1).max(64)).max(TASK_LIMITS.tags).optional(),
});
export type Task = z.output<typeof TaskShape>;

/** The members to change; null takes one away. Another time than before replaces it whole. */
export const ChangesShape = z.strictObject(
  Object.fromEntries(Object.entries(TaskShape.shape).map(([name, shape]) => [name, z.union([z.null(), shape]).optional()])) as {
    [K in keyof typeof TaskShape.shape]: z.ZodOptional<z.ZodUnion<[z.ZodNull, (typeof TaskShape.shape)[K]]>>;
  },
);
export type Changes = z.output<typeof ChangesShape>;

export const TASK_STATES = ["active", "paused", "completed"] as const;

export const TaskInfoShape = TaskShape.extend({
  name: TaskName,
  state: z.enum(TASK_STATES),
  note: z.string().optional().meta({ description: "Why it is paused" }),
  createdAt: Time,
  updatedAt: Time,
  /** Runs by the timetable so far. */
  runs: z.int(),
  skipNext: z.int(),
  next: z.array(Time).meta({ description: "The next times, at most five; without jitter" }),
});
export type TaskInfo = z.output<typeof TaskInfoShape>;
