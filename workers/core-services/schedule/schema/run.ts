import * as z from "zod";
import { RunId, TaskName, Time } from "./shared.ts";

export const TRIGGERS = ["schedule", "catch-up", "manual", "backfill"] as const;
export const RUN_STATES = ["buffered", "waiting", "running", "ended"] as const;
export const RUN_OUTCOMES = ["ok", "failed", "cancelled", "skipped", "missed"] as const;
export type Trigger = (typeof TRIGGERS)[number];
export type RunState = (typeof RUN_STATES)[number];
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

const Problem = z.object({ code: z.string(), reason: z.string().optional(), message: z.string() });
export type Problem = z.output<typeof Problem>;

const Attempt = z.object({
  attempt: z.int(),
  startedAt: Time,
  endedAt: Time,
  error: Problem,
  executionId: z.string().optional(),
});
export type Attempt = z.output<typeof Attempt>;

export const RunShape = z.object({
  id: RunId,
  task: TaskName,
  trigger: z.enum(TRIGGERS),
  state: z.enum(RUN_STATES),
  scheduledFor: Time,
  dueAt: Time.meta({ description: "With jitter; while it waits for another attempt, when that is" }),
  startedAt: Time.optional(),
  endedAt: Time.optional(),
  attempt: z.int().meta({ description: "Attempts that were begun" }),
  outcome: z.enum(RUN_OUTCOMES).optional(),
  lagMs: z.int().optional().meta({ description: "From when it was first due to when its work was first handed over" }),
  durationMs: z.int().optional(),
  result: z.unknown().optional(),
  resultEncoding: z.record(z.string(), z.string()).optional(),
  resultOmitted: z.boolean().optional(),
  error: Problem.optional(),
  executionId: z.string().optional(),
  /** Of occurrences that were missed. */
  count: z.int().optional(),
  attempts: z.array(Attempt).optional().meta({ description: "Those before the last" }),
  deadLetter: z.enum(["waiting", "sent", "failed"]).optional(),
});
export type Run = z.output<typeof RunShape>;

const Spread = z.object({ p50: z.int(), p99: z.int(), most: z.int() }).optional();

export const StatsShape = z.object({
  tasks: z.object({ active: z.int(), paused: z.int(), completed: z.int() }),
  /** Not over. */
  open: z.object({ buffered: z.int(), waiting: z.int(), running: z.int() }),
  ended: z.object({ ok: z.int(), failed: z.int(), cancelled: z.int(), skipped: z.int(), missed: z.int() }),
  lagMs: Spread,
  durationMs: Spread,
  nextAt: Time.optional(),
});
export type Stats = z.output<typeof StatsShape>;
