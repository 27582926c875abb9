import type { RunOutcome, RunState, Trigger } from "../schema/run.ts";

export interface TaskColumns {
  name: string;
  id: string;
  state: "active" | "paused" | "completed";
  note: string | null;
  /** Task as JSON. */
  definition: string;
  /** Sponsor as JSON. */
  sponsor: string;
  created_ms: number;
  updated_ms: number;
  /** From when an interval counts that has no start. */
  anchor_ms: number;
  /** The next occurrence, and when its run is due. Null when there is none. */
  next_ms: number | null;
  due_ms: number | null;
  skip_next: number;
  runs: number;
}

/** As SQL answers it. */
export type TaskRow = TaskColumns & Record<string, SqlStorageValue>;

export interface RunRow extends Record<string, SqlStorageValue> {
  id: string;
  task: string;
  task_id: string;
  /** Of its last change, counted over all runs. */
  seq: number;
  kind: "code" | "call";
  trigger: Trigger;
  state: RunState;
  scheduled_ms: number;
  first_due_ms: number;
  due_ms: number;
  /** Who starts first: when it is due, and later the more runs of its task are before it. */
  rank_ms: number;
  first_started_ms: number | null;
  started_ms: number | null;
  ended_ms: number | null;
  attempt: number;
  /** How often in a row there was no room for it; how often the process that ran it was lost. */
  refusals: number;
  lost: number;
  outcome: RunOutcome | null;
  execution_id: string | null;
  /** Work and sponsor of its own as JSON, for who asked for this run; null: the task's of the moment. */
  work: string | null;
  sponsor: string | null;
  /** RunNotes as JSON. */
  notes: string;
  /** Its dead letter. */
  letter: "waiting" | "sent" | "failed" | null;
  letter_to: string | null;
  letter_due_ms: number | null;
  letter_tries: number;
}

/** A task that is over keeps no time: an index of what is due holds what will be. */
export const CREATE_TABLES = `
  CREATE TABLE IF NOT EXISTS tasks (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, state TEXT NOT NULL, note TEXT, definition TEXT NOT NULL, sponsor TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, anchor_ms INTEGER NOT NULL, next_ms INTEGER, due_ms INTEGER,
    skip_next INTEGER NOT NULL, runs INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS tasks_by_due ON tasks (due_ms) WHERE state = 'active' AND due_ms IS NOT NULL;
  CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, task TEXT NOT NULL, task_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, trigger TEXT NOT NULL,
    state TEXT NOT NULL, scheduled_ms INTEGER NOT NULL, first_due_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, rank_ms INTEGER NOT NULL,
    first_started_ms INTEGER, started_ms INTEGER, ended_ms INTEGER, attempt INTEGER NOT NULL, refusals INTEGER NOT NULL,
    lost INTEGER NOT NULL, outcome TEXT, execution_id TEXT, work TEXT, sponsor TEXT, notes TEXT NOT NULL,
    letter TEXT, letter_to TEXT, letter_due_ms INTEGER, letter_tries INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS runs_waiting ON runs (kind, rank_ms, id) WHERE state = 'waiting';
  CREATE INDEX IF NOT EXISTS runs_waiting_due ON runs (due_ms) WHERE state = 'waiting';
  CREATE INDEX IF NOT EXISTS runs_open ON runs (task, state, id) WHERE state <> 'ended';
  CREATE INDEX IF NOT EXISTS runs_by_task ON runs (task, id);
  CREATE INDEX IF NOT EXISTS runs_by_seq ON runs (seq);
  CREATE INDEX IF NOT EXISTS runs_letters ON runs (letter_due_ms) WHERE letter = 'waiting';
  CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), seen_ms INTEGER NOT NULL) STRICT;
`;
