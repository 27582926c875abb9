import type { Command } from "commander";
import type { TaskInfo } from "../../../schedule.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { wholeNumber } from "./create.ts";
import { showTask, showTasks } from "./show.ts";

/** `doer schedule list`, `get`, `pause`, `resume`, `skip`, `delete` */
export function addTasks(schedule: Command, act: Act): void {
  schedule
    .command("list")
    .description("the tasks, by name")
    .option("--tag <tag>", "only those with it")
    .option("--state <state>", "only those that are active, paused or completed")
    .option("--prefix <text>", "only those whose name starts so")
    .action(
      act(async (globals, _args, { tag, state, prefix }) => {
        const filter = Object.entries({ tag, state, prefix }).filter(([, value]) => value !== undefined);
        const page = await configuredSession(globals).schedule.listTasks(Object.fromEntries(filter));
        if (globals.json) jsonToStdout(page);
        else {
          showTasks(page.items);
          if (page.cursor !== undefined) toStderr(`There are more than these ${page.items.length}.`);
        }
        return EXIT.ok;
      }),
    );
  schedule
    .command("get")
    .description("a task, and its next times")
    .argument("<name>")
    .action(act(async (globals, [name]) => shown(await configuredSession(globals).schedule.get(String(name)), globals.json)));
  schedule
    .command("pause")
    .description("start no more runs until it is resumed")
    .argument("<name>")
    .option("--note <text>", "why")
    .action(
      act(async (globals, [name], { note }) => {
        const options = note === undefined ? {} : { note: note as string };
        return shown(await configuredSession(globals).schedule.pause(String(name), options), globals.json);
      }),
    );
  schedule
    .command("resume")
    .description("go on with it")
    .argument("<name>")
    .option("--run-missed", "with what came due since")
    .action(
      act(async (globals, [name], { runMissed }) =>
        shown(await configuredSession(globals).schedule.resume(String(name), { runMissed: runMissed === true }), globals.json),
      ),
    );
  schedule
    .command("skip")
    .description("leave out its next time")
    .argument("<name>")
    .option("--count <n>", "as many; 0 leaves out none", wholeNumber, 1)
    .action(
      act(async (globals, [name], { count }) =>
        shown(await configuredSession(globals).schedule.skipNext(String(name), { count: count as number }), globals.json),
      ),
    );
  schedule
    .command("delete")
    .description("end a task; its history stays")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const answer = await configuredSession(globals).schedule.delete(String(name));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(name))} ${answer.deleted ? "is deleted" : "was not there"}`);
        return EXIT.ok;
      }),
    );
}

function shown(task: TaskInfo, asJson: boolean): number {
  showTask(task, asJson);
  return EXIT.ok;
}
