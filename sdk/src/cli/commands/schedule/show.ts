import type { Run, TaskInfo } from "../../../schedule.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";

/** What a task does, in a word or two. */
export function actionWords({ action }: TaskInfo): string {
  if ("code" in action) return "code";
  if ("function" in action) return `function ${action.function}`;
  if ("queue" in action) return `queue ${action.queue}`;
  if ("http" in action) return `${action.http.method ?? "GET"} ${action.http.url}`;
  return `${action.service}.${action.method}`;
}

export function whenWords({ cron, every, at, timezone }: TaskInfo): string {
  const zone = timezone === undefined ? "" : ` ${timezone}`;
  return cron !== undefined
    ? cron + zone
    : every !== undefined
      ? `every ${every}${typeof every === "number" ? " ms" : ""}`
      : `at ${at ?? ""}${zone}`;
}

export function showTask(task: TaskInfo, asJson: boolean): void {
  if (asJson) return jsonToStdout(task);
  const { name, state, note, next } = task;
  toStdout(printableLine(`${name}: ${actionWords(task)}, ${whenWords(task)}, ${state}${note === undefined ? "" : ` (${note})`}`));
  for (const time of next) toStdout(time);
}

export function showTasks(tasks: readonly TaskInfo[]): void {
  if (tasks.length === 0) return toStderr("There are no tasks.");
  const rows = tasks.map((task) => [task.name, whenWords(task), actionWords(task), task.state, task.next[0] ?? "", String(task.runs)]);
  toStdout(table(["NAME", "WHEN", "WHAT", "STATE", "NEXT", "RUNS"], rows));
}

/** How a run is going, or how it ended and why. */
export function outcomeWords({ state, outcome, error, attempt }: Run): string {
  const word = outcome ?? (state === "waiting" && attempt > 0 ? "waiting to try again" : state);
  return error === undefined ? word : `${word}: ${error.reason ?? error.code} ${error.message}`;
}

export function showRuns(runs: readonly Run[]): void {
  if (runs.length === 0) return toStderr("There are no runs.");
  toStdout(table(["ID", "FOR", "TRIGGER", "TRY", "LAG", "TOOK", "OUTCOME"], runs.map(runRow)));
}

const ms = (value: number | undefined) => (value === undefined ? "" : `${value} ms`);

function runRow(run: Run): string[] {
  return [run.id, run.scheduledFor, run.trigger, String(run.attempt), ms(run.lagMs), ms(run.durationMs), outcomeWords(run)];
}

/** A run on one line, for those who watch. */
export function runLine(run: Run): string {
  const figures = [run.lagMs === undefined ? "" : ` lag ${run.lagMs} ms`, run.durationMs === undefined ? "" : ` took ${run.durationMs} ms`];
  return printableLine(`${run.scheduledFor} ${run.task} ${run.id} ${outcomeWords(run)}${figures.join("")}`);
}
