import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { prettyValue } from "../../output/value.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { parseInput } from "../../run-options.ts";
import { configuredSession } from "../../server.ts";
import { wholeNumber } from "./create.ts";
import { runLine, showRuns } from "./show.ts";

/** How long `run` waits for the end. */
const WAIT_MS = 30_000;

/** `doer schedule run`, `backfill`, `history`, `cancel`, `stats` */
export function addRuns(schedule: Command, act: Act): void {
  schedule
    .command("run")
    .description("run a task now, and wait half a minute for its end")
    .argument("<name>")
    .option("--input <json>", "instead of the task's own", parseInput)
    .action(
      act(async (globals, [name], { input }) => {
        const options = { waitMs: WAIT_MS, ...(input === undefined ? {} : { input }) };
        const run = await configuredSession(globals).schedule.execute(String(name), options);
        if (globals.json) jsonToStdout(run);
        else {
          toStderr(runLine(run));
          const result = prettyValue(run.result);
          if (result !== undefined) toStdout(result);
        }
        return run.outcome === "ok" || run.state !== "ended" ? EXIT.ok : EXIT.codeFailed;
      }),
    );
  schedule
    .command("backfill")
    .description("run a task for the times of a range that is over")
    .argument("<name>")
    .requiredOption("--from <time>")
    .requiredOption("--to <time>")
    .option("--dry-run", "only name the times")
    .action(
      act(async (globals, [name], { from, to, dryRun }) => {
        const range = { from: from as string, to: to as string, dryRun: dryRun === true };
        const answer = await configuredSession(globals).schedule.backfill(String(name), range);
        if (globals.json) jsonToStdout(answer);
        else {
          for (const time of answer.times) toStdout(time);
          toStderr(`${answer.count} ${answer.count === 1 ? "run" : "runs"}${answer.dryRun ? " would be made" : " made"}`);
        }
        return EXIT.ok;
      }),
    );
  schedule
    .command("history")
    .description("the runs of a task, newest first")
    .argument("<name>")
    .option("--outcome <outcome>", "only those that ended so: ok, failed, cancelled, skipped, missed")
    .option("--limit <n>", "how many", wholeNumber, 20)
    .action(
      act(async (globals, [name], { outcome, limit }) => {
        const options = { limit: limit as number, ...(outcome === undefined ? {} : { outcome: outcome as "ok" }) };
        const page = await configuredSession(globals).schedule.getHistory(String(name), options);
        if (globals.json) jsonToStdout(page);
        else showRuns(page.items);
        return EXIT.ok;
      }),
    );
  schedule
    .command("cancel")
    .description("end a run")
    .argument("<id>")
    .action(
      act(async (globals, [id]) => {
        const answer = await configuredSession(globals).schedule.cancelRun(String(id));
        if (globals.json) jsonToStdout(answer);
        else toStdout(answer.cancelled ? "cancelled" : "it had ended, or cannot be taken back");
        return EXIT.ok;
      }),
    );
  schedule
    .command("stats")
    .description("counts, lags and durations of a task's runs, or of all")
    .argument("[name]")
    .action(
      act(async (globals, [name]) => {
        const stats = await configuredSession(globals).schedule.stats(name === undefined ? {} : { task: name as string });
        if (globals.json) jsonToStdout(stats);
        else toStdout(prettyValue(stats) ?? "");
        return EXIT.ok;
      }),
    );
}
