import type { ServiceName, Page } from "./types.ts";
import type { ValueTypes } from "./values.ts";

/** What happens to a run that becomes due while an earlier one of its task is not over. */
export type Overlap = "skip" | "bufferOne" | "bufferAll" | "cancelOther" | "allowAll";

/** A moment: ISO 8601 with an offset, a Date, or milliseconds since 1970. */
export type When = string | number | Date;

/** When: one of `cron`, `every`, `at`. */
export interface Spec {
  /** Five fields, or six with seconds first; also @daily and the like, `L`, `#`, `W`. */
  cron?: string | undefined;
  /** `90s`, `5m`, `1h30m`, `PT5M`, or milliseconds. */
  every?: string | number | undefined;
  /** An instant, or a local time in the zone (`2027-01-31T12:00`). */
  at?: When | undefined;
  /** IANA; default UTC. */
  timezone?: string | undefined;
  startAt?: When | undefined;
  /** No occurrence at it or later. */
  endAt?: When | undefined;
}

/** What a task does: one of these. */
export type TaskAction =
  | { code: string; language?: "ts" | "js" | undefined; services?: ServiceName[] | undefined; timeoutMs?: number | undefined }
  | { function: string }
  | { service: ServiceName; method: string; params?: unknown[] | Record<string, unknown> | undefined }
  | { queue: string; message: unknown; options?: Record<string, unknown> | undefined }
  | {
      http: {
        url: string;
        method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
        headers?: Record<string, string> | undefined;
        body?: string | undefined;
        timeoutMs?: number | undefined;
      };
    };

export interface TaskMembers {
  action: TaskAction;
  /** What code and functions get as input. */
  input?: unknown;
  /** Default `skip`. */
  overlap?: Overlap | undefined;
  /** A run is due up to so much later than its time, at random. */
  jitterMs?: number | undefined;
  maxRuns?: number | undefined;
  deleteAfterCompletion?: boolean | undefined;
  /** How long ago a missed run may be to be caught up; default a day. */
  catchupWindowMs?: number | undefined;
  retry?:
    | {
        /** With the first; default 1. */
        maxAttempts?: number | undefined;
        backoffMs?: number | undefined;
        maxBackoffMs?: number | undefined;
        maxAgeMs?: number | undefined;
      }
    | undefined;
  deadLetter?: { queue: string } | undefined;
  pauseOnFailure?: boolean | undefined;
  description?: string | undefined;
  tags?: string[] | undefined;
}

export interface Task extends Spec, TaskMembers {}

/** Null takes a member away. */
export type TaskChanges = { [K in keyof Task]?: Task[K] | null | undefined };

export interface TaskInfo extends TaskMembers {
  name: string;
  cron?: string | undefined;
  every?: string | number | undefined;
  at?: string | undefined;
  timezone?: string | undefined;
  startAt?: string | undefined;
  endAt?: string | undefined;
  state: "active" | "paused" | "completed";
  /** Why it is paused. */
  note?: string | undefined;
  createdAt: string;
  updatedAt: string;
  /** Runs by the timetable so far. */
  runs: number;
  skipNext: number;
  /** The next times, at most five; of a list only the next. Without jitter. */
  next: string[];
}

export interface RunProblem {
  code: string;
  reason?: string | undefined;
  message: string;
}

export interface Run {
  id: string;
  task: string;
  trigger: "schedule" | "catch-up" | "manual" | "backfill";
  /** `buffered`: it waits for an earlier run of its task; `waiting`: for its time, or for room. */
  state: "buffered" | "waiting" | "running" | "ended";
  scheduledFor: string;
  dueAt: string;
  startedAt?: string | undefined;
  endedAt?: string | undefined;
  attempt: number;
  outcome?: "ok" | "failed" | "cancelled" | "skipped" | "missed" | undefined;
  lagMs?: number | undefined;
  durationMs?: number | undefined;
  /** As JSON; `resultEncoding` names the types that JSON has not (`decodeValue`). */
  result?: unknown;
  resultEncoding?: ValueTypes | undefined;
  resultOmitted?: boolean | undefined;
  error?: RunProblem | undefined;
  executionId?: string | undefined;
  /** Of occurrences that were missed. */
  count?: number | undefined;
  /** Those before the last. */
  attempts?: { attempt: number; startedAt: string; endedAt: string; error: RunProblem; executionId?: string | undefined }[] | undefined;
  deadLetter?: "waiting" | "sent" | "failed" | undefined;
}

interface Spread {
  p50: number;
  p99: number;
  most: number;
}

export interface ScheduleStats {
  tasks: { active: number; paused: number; completed: number };
  open: { buffered: number; waiting: number; running: number };
  ended: { ok: number; failed: number; cancelled: number; skipped: number; missed: number };
  lagMs?: Spread | undefined;
  durationMs?: Spread | undefined;
  nextAt?: string | undefined;
}

export interface Validation {
  valid: boolean;
  /** In English. */
  description?: string | undefined;
  error?: { reason: string; message: string } | undefined;
  warnings: { code: string; message: string }[];
  next: string[];
}

interface Keyed {
  idempotencyKey?: string | undefined;
}

/** Work at a time (docs/schedule.md). */
export interface ScheduleService {
  /** @throws DoError CONFLICT, INVALID_ARGUMENT (BAD_CRON, BAD_TIME, NEVER_FIRES), LIMIT_EXCEEDED */
  create(name: string, task: Task, options?: Keyed): Promise<TaskInfo>;
  /** Who changes a task is on whose behalf it runs from then on. @throws DoError NOT_FOUND */
  update(name: string, changes: TaskChanges, options?: Keyed): Promise<TaskInfo>;
  /** @throws DoError NOT_FOUND */
  get(name: string): Promise<TaskInfo>;
  delete(name: string, options?: Keyed): Promise<{ deleted: boolean }>;
  listTasks(options?: {
    tag?: string | undefined;
    state?: TaskInfo["state"] | undefined;
    prefix?: string | undefined;
    limit?: number | undefined;
    cursor?: string | undefined;
  }): Promise<Page<TaskInfo>>;
  pause(name: string, options?: Keyed & { note?: string | undefined }): Promise<TaskInfo>;
  resume(name: string, options?: Keyed & { runMissed?: boolean | undefined }): Promise<TaskInfo>;
  skipNext(name: string, options?: Keyed & { count?: number | undefined }): Promise<TaskInfo>;
  backfill(
    name: string,
    range: Keyed & { from: When; to: When; overlap?: Overlap | undefined; dryRun?: boolean | undefined },
  ): Promise<{ dryRun: boolean; count: number; times: string[]; runs: string[] }>;
  /** @throws DoError CONFLICT when an earlier run is not over and the policy does not allow another */
  execute(name: string, options?: Keyed & { input?: unknown; overlap?: Overlap | undefined; waitMs?: number | undefined }): Promise<Run>;
  next(of: string | Spec, options?: { count?: number | undefined; from?: When | undefined }): Promise<{ items: string[] }>;
  validate(spec: Record<string, unknown>): Promise<Validation>;
  getHistory(
    name: string,
    options?: {
      outcome?: Run["outcome"];
      from?: When | undefined;
      to?: When | undefined;
      limit?: number | undefined;
      cursor?: string | undefined;
    },
  ): Promise<Page<Run>>;
  /** Runs that changed since a cursor (`0`: all that is kept; without one: from now on), as they are now. */
  follow(options?: {
    task?: string | undefined;
    since?: string | undefined;
    limit?: number | undefined;
    waitMs?: number | undefined;
  }): Promise<{ items: Run[]; cursor: string }>;
  /** @throws DoError NOT_FOUND */
  getRun(id: string): Promise<Run>;
  cancelRun(id: string): Promise<{ cancelled: boolean }>;
  stats(options?: { task?: string | undefined }): Promise<ScheduleStats>;
}
